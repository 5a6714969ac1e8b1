#!/bin/sh
# Make this machine able to run tests/docker: a Docker engine, an sshd, and the images of the containers.
#
# Debian or Ubuntu, as root. What is there is used; what is missing is installed. Nothing is left listening on a
# default port. A second run checks and ends. To undo: stop the engine (kill the id in .lab/dockerd.pid), delete .lab.
set -eu

here=$(cd -- "$(dirname -- "$0")" && pwd)
state=${LAB_DIR:-$here/../../.lab}
suite=bookworm # its PostgreSQL is 15
mirror=${LAB_MIRROR:-}

say() { echo "lab: $*" >&2; }
fail() { say "$*"; exit 1; }

[ "$(id -u)" = 0 ] || fail "run as root"
command -v apt-get >/dev/null || fail "needs Debian or Ubuntu"
mkdir -p "$state"
state=$(cd -- "$state" && pwd)
echo '*' >"$state/.gitignore"

# An engine that is reached over the network is somebody else's.
case ${DOCKER_HOST:-unix:} in unix:*) ;; *) fail "DOCKER_HOST is $DOCKER_HOST; the lab uses an engine on this machine" ;; esac

updated=
update() {
    [ -n "$updated" ] || DEBIAN_FRONTEND=noninteractive apt-get update -qq
    updated=1
}

# install COMMAND PACKAGE [UNIT…]: the package, where the command is missing, without starting its services.
install() {
    wanted=$1 package=$2
    shift 2
    command -v "$wanted" >/dev/null && return
    say "installing $package"
    update
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    else
        policy=
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >"$state/apt.log" 2>&1 ||
        { cat "$state/apt.log" >&2; fail "could not install $package"; }
    [ -z "$policy" ] || rm -f "$policy"
    # Nor at the next boot.
    if [ -d /run/systemd/system ] && [ $# -gt 0 ]; then systemctl disable --quiet "$@" || true; fi
}

# Where apt itself gets its packages from.
find_mirror() {
    [ -z "$mirror" ] || return 0
    update
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    [ -n "$mirror" ] || fail "apt names no repository; set LAB_MIRROR to one of Debian's packages"
}

PATH=$PATH:/usr/sbin:/sbin
install sshd openssh-server ssh.service ssh.socket
install ssh-keygen openssh-client
install sudo sudo
install tcsh tcsh # a user's shell
install openssl openssl
mkdir -p /run/sshd # its privilege separation; gone after a boot

if ! docker version >/dev/null 2>&1; then
    install iptables iptables
    install dockerd docker.io docker.service docker.socket containerd.service
    say "starting dockerd; its log is $state/dockerd.log"
    rm -f /var/run/docker.pid
    setsid nohup dockerd --pidfile "$state/dockerd.pid" >"$state/dockerd.log" 2>&1 </dev/null &
    tries=0
    until docker version >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 60 ] || { tail -n 20 "$state/dockerd.log" >&2; fail "dockerd does not answer"; }
        sleep 0.5
    done
fi

# `docker compose`: in Ubuntu a package; Debian has it from 13 on, and it runs on 12 as it is.
compose() {
    say "installing docker compose"
    update
    if apt-cache show docker-compose-v2 >/dev/null 2>&1; then
        install docker-compose-v2 docker-compose-v2
        return
    fi
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    find_mirror
    work=$(mktemp -d "$state/compose.XXXXXX")
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    echo "deb [signed-by=$keys] $mirror trixie main" >"$work/sources.list"
    from_trixie() {
        apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
            -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
    }
    from_trixie update
    (cd "$work" && from_trixie download docker-compose)
    dpkg-deb -x "$work"/docker-compose_*.deb "$work/unpacked"
    plugins=/usr/local/lib/docker/cli-plugins
    mkdir -p "$plugins"
    install_from=$work/unpacked/usr/libexec/docker/cli-plugins/docker-compose
    cp "$install_from" "$plugins/docker-compose"
    chmod 755 "$plugins/docker-compose"
    rm -rf "$work"
}
docker compose version >/dev/null 2>&1 || compose
docker compose version >/dev/null || fail "docker compose does not run"

has() { docker image inspect "$1" >/dev/null 2>&1; }

# build IMAGE [OPTION…]. Without BuildKit: its builder may not see the images of this engine. A build that changes nothing
# is cached.
build() {
    image=$1
    shift
    DOCKER_BUILDKIT=0 docker build -q "$@" -t "lab/$image" "$here/images/${image%:*}" >"$state/build.log" 2>&1 ||
        { cat "$state/build.log" >&2; fail "could not build lab/$image"; }
}

# From a registry, where one answers: the images that a server would run.
pulled() {
    timeout 10 docker manifest inspect postgres:15 >/dev/null 2>&1 || return 1
    while read -r image as; do
        say "pulling $image"
        docker pull -q "$image" >/dev/null && docker tag "$image" "$as" || return 1
    done <<'IMAGES'
postgres:15 lab/postgres:15
redis:7 lab/redis:7
nginx:1 lab/nginx:1
IMAGES
    build plane:1 --build-arg BASE=lab/postgres:15
}

# Else from Debian's packages: one file system with all of them, and a thin image on it for each.
base() {
    install debootstrap debootstrap
    find_mirror
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e "$keyring" ] || { update; apt-get install -y -qq debian-archive-keyring >/dev/null; }
    root=$(mktemp -d "$state/root.XXXXXX")
    chmod 755 "$root"
    say "making the images' file system in $root; this takes a minute or two"
    debootstrap --variant=minbase --keyring="$keyring" \
        --include=postgresql-15,redis-server,nginx-light,python3 \
        "$suite" "$root" "$mirror" >"$state/debootstrap.log" 2>&1 ||
        { tail -n 20 "$state/debootstrap.log" >&2; rm -rf "$root"; fail "debootstrap failed"; }
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb \
        "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/var/lib/postgresql/15
    tar -C "$root" -c . | docker import - lab/base:1 >/dev/null
    rm -rf "$root"
}

built() {
    for image in postgres:15 redis:7 nginx:1 plane:1; do build "$image"; done
}

if has lab/base:1; then
    built
elif ! { has lab/postgres:15 && has lab/redis:7 && has lab/nginx:1 && has lab/plane:1; }; then
    pulled || { base && built; }
fi
say "ready: $(docker version --format 'engine {{.Server.Version}}'), $(docker compose version), $(sshd -V 2>&1 | grep -o 'OpenSSH_[^,]*' | head -n 1)"
