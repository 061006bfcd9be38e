"""A whole OpenStack Swift in one process: proxy with TempAuth, and one account, container and object server.

swift-server.py FOLDER prints the port of the proxy. On its input, "forget" makes every token bad; the end of the input ends it.
"""
import os
import sys

folder = sys.argv[1]
os.makedirs(folder + '/disk', exist_ok=True)
with open(folder + '/swift.conf', 'w') as file:
    file.write('[swift-hash]\nswift_hash_path_suffix = mortise\n')

from swift.common import utils

utils.eventlet_monkey_patch()
utils.SWIFT_CONF_FILE = folder + '/swift.conf'
utils.validate_hash_conf()

import eventlet
from eventlet import hubs, wsgi
from swift.account import server as account
from swift.common.middleware import catch_errors, gatekeeper, tempauth
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder
from swift.container import server as container
from swift.obj import server as objects
from swift.proxy import server as proxy


class Cache:
    """What of memcached is asked for here."""

    def __init__(self):
        self.values = {}

    def get(self, key, raise_on_error=False):
        return self.values.get(key)

    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False):
        self.values[key] = value

    def incr(self, key, delta=1, time=0):
        self.values[key] = int(self.values.get(key) or 0) + delta
        return self.values[key]

    def delete(self, key, server_key=None):
        self.values.pop(key, None)


def listen():
    return eventlet.listen(('127.0.0.1', 0))


def serve(listener, app):
    eventlet.spawn(wsgi.server, listener, app, log_output=False, protocol=SwiftHttpProtocol)


def write_ring(name, port):
    builder = RingBuilder(2, 1, 0)
    device = {'id': 0, 'region': 1, 'zone': 1, 'weight': 1, 'ip': '127.0.0.1', 'port': port, 'device': 'disk', 'meta': ''}
    builder.add_dev(dict(device, replication_ip='127.0.0.1', replication_port=port))
    builder.rebalance()
    builder.get_ring().save('%s/%s.ring.gz' % (folder, name))


common = {
    'swift_dir': folder,
    'devices': folder,
    'mount_check': 'false',
    'fallocate_reserve': '0',
    'log_statsd_host': '',
    'recon_cache_path': folder,
}
listeners = {name: listen() for name in ('account', 'container', 'object', 'proxy')}
for name in ('account', 'container', 'object'):
    write_ring(name, listeners[name].getsockname()[1])
serve(listeners['account'], account.app_factory(common))
serve(listeners['container'], container.app_factory(common))
serve(listeners['object'], objects.app_factory(common))

cache = Cache()
app = proxy.Application(dict(common, account_autocreate='true'))
app = tempauth.filter_factory({'user_photos_mortise': 'secret .admin', 'token_life': '86400'})(app)
app = gatekeeper.filter_factory({})(app)
app = catch_errors.filter_factory({})(app)


def with_cache(environ, start_response):
    environ['swift.cache'] = cache
    return app(environ, start_response)


serve(listeners['proxy'], with_cache)
print(listeners['proxy'].getsockname()[1], flush=True)
while True:
    hubs.trampoline(0, read=True)
    words = os.read(0, 100)
    if not words:
        os._exit(0)
    if b'forget' in words:
        cache.values.clear()
        print('forgotten', flush=True)
