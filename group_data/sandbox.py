"""What differs in the sandbox (`make sandbox`): its SSH server is on this machine, and keeps its files in .sandbox/."""

from pathlib import Path

ssh_hostname = "127.0.0.1"
ssh_user = "sandbox"
# Without a sandbox there is no key; named all the same, it would end in a traceback of pyinfra's.
if Path(".sandbox/id_ed25519").exists():
    ssh_key = ".sandbox/id_ed25519"
ssh_known_hosts_file = ".sandbox/known_hosts"
ssh_strict_host_key_checking = "yes"

# Relative paths: a command on a sandbox host starts in that host's own directory.
plane_config_dir = "opt/javisi/configs/plane"
plane_compose_dir = "opt/plane"

# Made by the sandbox at its start, new each time.
plane_secrets_dir = ".sandbox/secrets"
