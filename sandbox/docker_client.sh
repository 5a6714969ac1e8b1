# The `docker` command on a host: sends its words to the sandbox, and follows the script that it gets back.
#
# In bash, because a deploy runs it some ten times and Python takes ten times as long to start. The sandbox writes two
# lines before these: its port, and the word that it expects. Nothing here has a name that a container's variable has.

if ! { exec 3<>"/dev/tcp/127.0.0.1/$_port"; } 2>/dev/null; then
  echo "Cannot connect to the Docker daemon: the sandbox is not running." >&2
  exit 1
fi
cd -P .
_pairs=()
while read -r _name; do
  _pairs+=("$_name=${!_name}")
done < <(compgen -e)
printf '%s\0' "$_word" "$PWD" "$#" "$@" "${#_pairs[@]}" "${_pairs[@]}" >&3

# The length in bytes, a blank, and the script: read by its length, it takes one system call, not one for each byte.
_follow() {
  if ! { read -r -d ' ' _length && IFS= read -r -N "$_length" _script; } <&3; then
    echo "Cannot connect to the Docker daemon: the sandbox has stopped." >&2
    exit 1
  fi
  eval "$_script"
}

LC_ALL=C
_follow
