# Sourced by bin/stave for who is not root of the machine. Finds the highest rung and enters it:
#   mounts     CAP_SYS_ADMIN is there (a container with it, or a user namespace of ours): a mount namespace is enough
#   subids     a user namespace with the subordinate ids of /etc/subuid and /etc/subgid
#   single     a user namespace with one id
# Where none can be had it returns, and the engine starts as it is. What was found is kept until the next boot.

stave_mine=${HOME:-/}/.cache
stave_cache=${XDG_CACHE_HOME:-$stave_mine}/stave/rung
stave_store=${STAVE_ROOT:-${XDG_DATA_HOME:-${HOME:-/}/.local/share}/stave}
subids='--user --map-auto --map-root-user --mount --propagation private'
single='--user --map-root-user --mount --propagation private'
mounts='--mount --propagation private'

stave_rung() {
  read -r boot </proc/sys/kernel/random/boot_id
  read -r map </proc/self/uid_map
  read -r host </proc/sys/kernel/hostname
  # Same machine, same namespace; another user's file, or one older than the subordinate ids, says nothing.
  known="$boot $host $map"
  if [ -O "$stave_cache" ] && ! [ /etc/subuid -nt "$stave_cache" ] && ! [ /etc/subgid -nt "$stave_cache" ]; then
    read -r line <"$stave_cache"
    case $line in
      "$known mounts") rung=mounts && return ;;
      "$known subids") command -v newuidmap >/dev/null && rung=subids && return ;;
    esac
  fi
  rungs='mounts subids single none'
  # Root of a container has more as itself than in a namespace of one id.
  [ -O /proc ] && rungs='mounts none'
  for rung in $rungs; do
    [ $rung = none ] && return
    eval "unshare \$$rung -- true" 2>/dev/null && break
  done
  # Less may become more at any time: a package is installed, a sysctl set.
  [ $rung = single ] && return
  { mkdir -p "${stave_cache%/*}" && echo "$known $rung" >"$stave_cache.$$" && mv "$stave_cache.$$" "$stave_cache"; } 2>/dev/null
}

# Opens, as descriptor 8, the user namespace of process $1 if it still is $2.
stave_open() {
  command exec 8<"/proc/$1/ns/user" && [ "$(readlink /proc/self/fd/8)" = "$2" ]
} 2>/dev/null

# A container belongs to the user namespace it was started in, and only who is in that one can enter or signal it. So all
# commands that may touch containers share one, as long as one of them, or a container, lives: those in it are listed
# in the store, as pid and name of the namespace. Descriptor 9 holds a lock until the engine has listed itself.
stave_join() {
  [ -d "$stave_store/userns" ] || mkdir -p -m 0700 "$stave_store" "$stave_store/userns" 2>/dev/null || return 1
  # Both are always open in the engine, which closes them.
  command exec 8</dev/null 9>"$stave_store/userns/lock" && flock 9 || return 1
  STAVE_USER_NAMESPACES=$stave_store/userns
  export STAVE_USER_NAMESPACES
  for member in "$stave_store"/userns/[0-9]* "$stave_store"/containers/*/userns; do
    [ -e "$member" ] || continue
    case $member in
      */containers/*) pidfile=${member%/*}/monitor.pid; pid=none; [ -e "$pidfile" ] && read -r pid <"$pidfile" ;;
      *) pid=${member##*/} ;;
    esac
    read -r name <"$member"
    stave_open "$pid" "$name" && return
    case $member in */containers/*) ;; *) rm -f "$member" ;; esac
  done
  return 1
}

stave_rung
[ "$rung" = none ] && return 0
STAVE_PRIVATE_MOUNTS=$$
export STAVE_PRIVATE_MOUNTS
if [ $rung != mounts ]; then
  STAVE_ROOTLESS=$rung
  export STAVE_ROOTLESS
  case $1 in
    build | builder | buildx | context | image | images | pull | push | tag | rmi | load | save | history | import) ;;
    login | logout | search | version | doctor | help | __engine | -* | '') ;;
    *)
      stave_join && exec nsenter --user=/proc/self/fd/8 --preserve-credentials -- \
        unshare $mounts -- node -- "$here/dist/loader.cjs" "$@"
      ;;
  esac
fi
eval "exec unshare \$$rung -- node -- \"\$here/dist/loader.cjs\" \"\$@\""
