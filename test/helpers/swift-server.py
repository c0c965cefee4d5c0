"""OpenStack Swift (Debian's python3-swift) with its s3api on loopback: proxy, account, container and object server in
one process on one directory. `swift-server.py DIR` reads DIR/keys (`ACCOUNT:USER SECRET`), prints the proxy's port and
then a line `STATUS METHOD PATH?QUERY` per request, and ends with its standard input."""

import os
import sys

import eventlet

eventlet.patcher.monkey_patch()

from eventlet import tpool, wsgi  # noqa: E402
from swift.common import storage_policy, utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402

BACKENDS = ('account', 'container', 'object')

PROXY = """[DEFAULT]
swift_dir = {root}
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth bulk slo dlo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
location = eu-central-1
storage_domain = s3.test
[filter:tempauth]
use = egg:swift#tempauth
{user}
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""

BACKEND = """[DEFAULT]
swift_dir = {root}
devices = {root}
mount_check = false
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""


def write(root, name, text):
    path = os.path.join(root, name)
    with open(path, 'w') as file:
        file.write(text)
    return path


def write_ring(root, name, port):
    """Everything is on the one device, a directory."""
    builder = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'weight': 1, 'ip': '127.0.0.1', 'port': port, 'device': 'disk'})
    builder.rebalance(seed=1)
    builder.get_ring().save(os.path.join(root, name + '.ring.gz'))


class Forgetful:
    """A memcached whose memory is full: each request looks at what is on the disk."""

    def get(self, *args, **more):
        return None

    def set(self, *args, **more):
        pass

    delete = set


def logged(app):
    """Tells of each request of a client when its answer begins."""
    def call(env, start):
        def begin(status, headers, *more):
            query = env.get('QUERY_STRING', '')
            path = env['PATH_INFO'] + ('?' + query if query else '')
            print(status.split(' ')[0], env['REQUEST_METHOD'], path, flush=True)
            return start(status, headers, *more)
        return app(dict(env, **{'swift.cache': Forgetful()}), begin)
    return call


def serve(socket, app):
    eventlet.spawn(wsgi.server, socket, app, open(os.devnull, 'w'), protocol=SwiftHttpProtocol)


def main(root):
    os.makedirs(os.path.join(root, 'disk'))
    write(root, 'swift.conf', '[swift-hash]\nswift_hash_path_suffix = test\n')
    utils.set_swift_dir(root)
    utils.validate_hash_conf()
    storage_policy.reload_storage_policies()
    sockets = {name: eventlet.listen(('127.0.0.1', 0)) for name in BACKENDS}
    for name, socket in sockets.items():
        write_ring(root, name, socket.getsockname()[1])
    for name, socket in sockets.items():
        serve(socket, loadapp(write(root, name + '.conf', BACKEND.format(root=root, name=name))))
    with open(os.path.join(root, 'keys')) as keys:
        who, secret = keys.read().split()
    user = 'user_%s = %s .admin' % (who.replace(':', '_'), secret)
    proxy = eventlet.listen(('127.0.0.1', 0))
    serve(proxy, logged(loadapp(write(root, 'proxy.conf', PROXY.format(root=root, user=user)))))
    print(proxy.getsockname()[1], flush=True)
    tpool.execute(os.read, 0, 1)


main(sys.argv[1])
