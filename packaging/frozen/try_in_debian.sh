#!/bin/sh
# Tries the packages in a Debian that has no Python: try_in_debian.sh build/package CHROOT PYTHON [OLDDATA]
# Needs root and debootstrap; CHROOT is made where it is missing. PYTHON has the openai client and asks the served model from outside; if it
# has torch too, the app computes a checkpoint with it, outside of the Debian.
# OLDDATA is a data folder that an older Yanmo wrote: the upgrade must lose nothing of it.
set -eu
out=$(cd "$1" && pwd) root=$2 python=$3 old=${4:-}
version=$("$out/yanmo/yanmo" --version | cut -d' ' -f2)
say() { printf '\n== %s\n' "$*"; }
inside() { env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 QT_QPA_PLATFORM="${PLATFORM:-}" DISPLAY="${SHOWN:-}" chroot "$root" "$@"; }

if [ ! -e "$root/etc/debian_version" ]; then
  debootstrap --variant=minbase --include=libegl1,libgl1,libxkbcommon-x11-0,libxcb-cursor0,libxcb-icccm4,libxcb-keysyms1,libxcb-shape0,libxcb-xkb1,libdbus-1-3,libfontconfig1,libglib2.0-0 \
    bookworm "$root" >/dev/null
fi
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
mountpoint -q "$root/dev" || mount --rbind /dev "$root/dev"
mkdir -p "$root/tmp/.X11-unix"
trap 'umount -l "$root/proc" "$root/dev" 2>/dev/null || true; [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true' EXIT
if inside /bin/sh -c 'command -v python3'; then echo "there is a Python in it" >&2; exit 1; fi

say "the archive: answers, quantizes, measures"
rm -rf "$root/root/app" "$root/root/.local" "$root/root/small"
mkdir -p "$root/root/app"
tar -C "$root/root/app" --strip-components=1 -xf "$out"/yanmo-"$version"-linux-*.tar.xz
app=/root/app
inside "$app/yanmo" doctor
inside "$app/yanmo" chat -p "What is quantization?" </dev/null
inside "$app/yanmo" quantize "$app/_internal/resources/starter/checkpoint" --to Q8_0,Q4_K_M --text builtin --windows 4 --out /root/small
inside "$app/yanmo" chat /root/small/checkpoint-Q4_K_M.gguf -p "What is a token?" </dev/null

say "the window: offscreen, then in an X server"
PLATFORM=offscreen; export PLATFORM
inside timeout 20 "$app/yanmo" && exit 1 || [ $? = 124 ]  # it is open until it is ended
PLATFORM=; export PLATFORM
if command -v Xvfb >/dev/null; then
  Xvfb :77 -screen 0 1440x900x24 -nolisten local >/dev/null 2>&1 &
  screen=$!
  sleep 2
  ln -f /tmp/.X11-unix/X77 "$root/tmp/.X11-unix/X77" 2>/dev/null || mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
  SHOWN=:77; export SHOWN
  inside timeout 20 "$app/yanmo" && exit 1 || [ $? = 124 ]
  SHOWN=; export SHOWN
  kill "$screen"
  umount -l "$root/tmp/.X11-unix" 2>/dev/null || true
fi

say "serves the openai client"
(exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  chroot "$root" "$app/yanmo" serve --port 18040 --model /root/small/checkpoint-Q4_K_M.gguf) &
server=$!
"$python" - <<'PY'
import time
from openai import APIConnectionError, OpenAI
client = OpenAI(base_url="http://127.0.0.1:18040/v1", api_key="any", max_retries=0)
for attempt in range(60):
    try:
        answer = client.chat.completions.create(model="", messages=[{"role": "user", "content": "What is GGUF?"}], temperature=0)
        break
    except APIConnectionError:
        time.sleep(1)
print(answer.choices[0].message.content)
PY
kill "$server"; wait "$server" 2>/dev/null || true; server=

say "the Debian package: installs, upgrades over older data, removes cleanly"
deb=$(ls "$out"/yanmo_"$version"_*.deb)
work=$(mktemp -d)
dpkg-deb -R "$deb" "$work/older"  # the same, called older
sed -i "s/^Version: .*/Version: 0.0.1/" "$work/older/DEBIAN/control"
touch "$work/older/opt/yanmo/_internal/of-the-older-one"
dpkg-deb -Znone --root-owner-group --build "$work/older" "$root/root/older.deb" >/dev/null
rm -rf "$work"
cp "$deb" "$root/root/newer.deb"
inside dpkg -i /root/older.deb >/dev/null
inside yanmo --version
rm -rf "$root/root/.local/share/Yanmo"
if [ -n "$old" ]; then
  mkdir -p "$root/root/.local/share"
  cp -a "$old" "$root/root/.local/share/Yanmo"
  "$python" -c "import sqlite3,sys; print('before:', sqlite3.connect(sys.argv[1]).execute('SELECT name FROM _sqlite_migrations').fetchall())" "$old/yanmo.sqlite"
fi
said() {  # every message that the data hold, as one number and a hash
  "$python" -c "
import hashlib, sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute('SELECT id, conversation_id, parent_id, role, parts FROM messages ORDER BY id').fetchall()
print(len(rows), hashlib.sha256(repr(rows).encode()).hexdigest())" "$root/root/.local/share/Yanmo/yanmo.sqlite"
}
before=; [ -z "$old" ] || before=$(said)
inside dpkg -i /root/newer.deb >/dev/null
[ ! -e "$root/opt/yanmo/_internal/of-the-older-one" ]
if [ -n "$old" ]; then  # without it there are no data yet
  inside yanmo data check
  inside yanmo data list
  inside yanmo data export --format md
  [ "$before" = "$(said)" ] || { echo 'messages were lost' >&2; exit 1; }
  echo "messages before and after: $before"
fi
inside yanmo chat -p "What is quantization?" </dev/null
inside /bin/sh -c 'ls /usr/share/applications/yanmo.desktop /usr/share/mime/packages/yanmo.xml /usr/share/icons/hicolor/48x48/apps/yanmo.png'
[ -z "$old" ] || ls "$root/root/.local/share/Yanmo/snapshots"
inside dpkg -r yanmo >/dev/null
for gone in opt/yanmo usr/bin/yanmo usr/share/applications/yanmo.desktop usr/share/mime/packages/yanmo.xml; do
  [ ! -e "$root/$gone" ] && [ ! -L "$root/$gone" ] || { echo "/$gone is left" >&2; exit 1; }
done
[ -s "$root/root/.local/share/Yanmo/yanmo.sqlite" ]
if "$python" -c 'import torch, transformers' 2>/dev/null; then
  say "a checkpoint, and AWQ, with the torch of another Python"
  YANMO_DATA=$(mktemp -d); export YANMO_DATA
  starter=$out/yanmo/_internal/resources/starter/checkpoint
  "$out/yanmo/yanmo" settings torch.python="$python"
  "$out/yanmo/yanmo" chat "$starter" -p "What is GGUF?" </dev/null
  "$out/yanmo/yanmo" quantize "$starter" --to awq --text builtin --calibration-windows 2 --windows 1 --out "$YANMO_DATA/awq" | grep '^| KL divergence, mean'
  "$out/yanmo/yanmo" convert "$YANMO_DATA/awq" --out "$YANMO_DATA/back.gguf"
  rm -rf "$YANMO_DATA"
fi
say "all of it worked"
