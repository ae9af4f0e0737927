#!/bin/sh
# An AppImage of the frozen app. NOT BUILT by this project yet: appimagetool could not be had where it was written.
# Usage: build.sh build/package/yanmo OUT    (appimagetool on the path; build on the oldest system that is to run it)
set -eu
app=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/usr/lib" "$work/usr/share/metainfo"
cp -a "$app" "$work/usr/lib/yanmo"
cp "$here/../yanmo.desktop" "$work/yanmo.desktop"
cp "$here/../org.yanmo.Yanmo.metainfo.xml" "$work/usr/share/metainfo/"
"$(dirname "$app")/environment/bin/python" "$root/packaging/frozen/icons.py" "$work/icons"
cp "$work/icons/hicolor/256x256/apps/yanmo.png" "$work/yanmo.png"
cp "$work/yanmo.png" "$work/.DirIcon"
rm -r "$work/icons"
cat > "$work/AppRun" <<'RUN'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/usr/lib/yanmo/yanmo" "$@"
RUN
chmod 755 "$work/AppRun"
version=$("$app/yanmo" --version | cut -d' ' -f2)
mkdir -p "$out"
ARCH=$(uname -m) appimagetool "$work" "$out/Yanmo-$version-$(uname -m).AppImage"
