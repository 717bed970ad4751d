# Takes a host for one attempt: arguments are its fence, its name, the Python to use, and for how many seconds to wait for
# commands of earlier attempts. Runs as root on the host.
#
# Every module of an attempt is started through the attempt's own `python`, which holds the lock shared while the module
# runs, and starts nothing where another attempt has the host. So the exclusive lock means: no module runs. And whoever has
# it writes down who may run modules from now on.
set -u
fence=$1 attempt=$2 python=$3 patience=$4
folder=/var/lib/beidou/fence
fail() { echo "beidou-fence: $1"; exit 1; }

umask 022
mkdir -p "$folder" 2> /dev/null || fail "cannot make $folder: $(mkdir -p "$folder" 2>&1)"
touch "$folder/lock" || fail "cannot make the lock"
exec 9< "$folder/lock"
held=0 holder=nobody
[ -s "$folder/holder" ] && read -r held holder < "$folder/holder"
flock -x -w "$patience" 9 || fail "busy: a command of attempt $holder still runs"
[ -s "$folder/holder" ] && read -r held holder < "$folder/holder"
if [ "$held" -gt "$fence" ] || { [ "$held" -eq "$fence" ] && [ "$holder" != "$attempt" ]; }; then
  fail "newer: attempt $holder has the host"
fi
if [ "$python" = - ]; then
  python=$(command -v python3 || true)
  [ -n "$python" ] || for known in /usr/libexec/platform-python /usr/bin/python3; do [ -x "$known" ] && python=$known; done
fi
rm -rf "$folder/attempts"
mkdir -p "$folder/attempts/$attempt" || fail "cannot make its folder: No space left on device?"
cat > "$folder/attempts/$attempt/python" << END || fail "cannot write: No space left on device?"
#!/bin/sh
exec 9< $folder/lock || { echo "beidou-fence: cannot open the lock" >&2; exit 97; }
flock -s -w 30 9 || { echo "beidou-fence: newer: another attempt takes the host" >&2; exit 97; }
read -r held holder < $folder/holder
[ "\$holder" = "$attempt" ] || { echo "beidou-fence: newer: attempt \$holder has the host" >&2; exit 97; }
exec ${python:-python3} "\$@"
END
chmod 755 "$folder/attempts/$attempt/python"
echo "$fence $attempt" > "$folder/holder.new" || fail "cannot write: No space left on device?"
mv "$folder/holder.new" "$folder/holder"
echo "beidou-fence: taken"
