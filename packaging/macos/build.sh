#!/bin/sh
# A signed .dmg for macOS. NOT BUILT by this project yet: it needs a Mac, Xcode's command line tools and a developer's certificate.
# SIGN_AS="Developer ID Application: …" NOTARY_PROFILE=name packaging/macos/build.sh
# Without SIGN_AS the app is signed for this machine only, without NOTARY_PROFILE it is not notarized.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
out=$root/build/package
python3 "$root/packaging/frozen/build.py" "$out"
python=$out/environment/bin/python
"$python" "$root/packaging/frozen/icons.py" "$out/icons"
version=$("$out/yanmo/yanmo" --version | cut -d' ' -f2)

bundle=$out/Yanmo.app
rm -rf "$bundle"
mkdir -p "$bundle/Contents/MacOS" "$bundle/Contents/Resources"
cp -a "$out/yanmo/." "$bundle/Contents/MacOS/"
cp "$out/icons/yanmo.icns" "$bundle/Contents/Resources/"
sed "s/@VERSION@/$version/" "$here/Info.plist" > "$bundle/Contents/Info.plist"

sign() { codesign --force --timestamp --options runtime --entitlements "$here/entitlements.plist" --sign "${SIGN_AS:--}" "$@"; }
find "$bundle/Contents/MacOS" -type f \( -name '*.so' -o -name '*.dylib' -o -perm -u+x \) -print | while read -r file; do sign "$file"; done
sign "$bundle"
codesign --verify --deep --strict "$bundle"

stage=$(mktemp -d)
cp -a "$bundle" "$stage/"
ln -s /Applications "$stage/Applications"
image=$out/Yanmo-$version-$(uname -m).dmg
hdiutil create -volname Yanmo -srcfolder "$stage" -ov -format ULMO "$image"
rm -rf "$stage"
if [ -n "${SIGN_AS:-}" ]; then codesign --sign "$SIGN_AS" "$image"; fi
if [ -n "${NOTARY_PROFILE:-}" ]; then
  xcrun notarytool submit "$image" --keychain-profile "$NOTARY_PROFILE" --wait
  xcrun stapler staple "$image"
fi
echo "$image"
