# The `docker` command on a host: gets a command from the sandbox, and replaces itself with it.
#
# In bash, because a deploy runs it some ten times and Python takes ten times as long to start. The sandbox writes two
# lines before these: its port, and the word that it expects. Nothing here has a name that a container's variable has.

_next() { IFS= read -r -d '' "$1" <&3; }

_many() {
  _next _count
  _fields=()
  while ((_count-- > 0)); do
    _next _field
    _fields+=("$_field")
  done
}

if ! { exec 3<>"/dev/tcp/127.0.0.1/$_port"; } 2>/dev/null; then
  echo "Cannot connect to the Docker daemon: the sandbox is not running." >&2
  exit 1
fi
cd -P .
_names=() _pairs=()
while read -r _name; do
  _names+=("$_name")
  _pairs+=("$_name=${!_name}")
done < <(compgen -e)
printf '%s\0' "$_word" "$PWD" "$#" "$@" "${#_pairs[@]}" "${_pairs[@]}" >&3

_next _kind
if [ "$_kind" = input ]; then
  cat >&3
  printf '\0' >&3
  _next _kind
fi
case $_kind in
  reply)
    _next _code
    _next _errors
    cat <&3
    printf '%s' "$_errors" >&2
    exit "$_code"
    ;;
  run)
    _next _directory
    _next _input
    _many
    set -- "${_fields[@]}"
    _many
    exec 3<&-
    cd "$_directory" || exit
    # Without --interactive docker gives the command no input.
    [ "$_input" = yes ] || exec </dev/null
    unset "${_names[@]}"
    export "${_fields[@]}"
    if ! type -P -- "$1" >/dev/null; then
      printf 'OCI runtime exec failed: exec failed: unable to start container process: ' >&2
      printf 'exec: "%s": executable file not found in $PATH: unknown\n' "$1" >&2
      exit 127
    fi
    exec "$@"
    ;;
  *)
    echo "Cannot connect to the Docker daemon: the sandbox has stopped." >&2
    exit 1
    ;;
esac
