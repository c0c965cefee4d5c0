/** Where a machine's programs are, whatever PATH we were started with. */
export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
