# The frozen app for Windows: a portable .zip and an installer. NOT BUILT by this project yet: no Windows was at hand.
# Needs Python 3.11 or newer, Visual Studio's C++ build tools, cmake, and NSIS 3 (makensis on the path).
$ErrorActionPreference = "Stop"
$root = (Resolve-Path "$PSScriptRoot\..\..").Path
$out = "$root\build\package"
python "$root\packaging\frozen\build.py" $out
$python = "$out\environment\Scripts\python.exe"
& $python "$root\packaging\frozen\icons.py" "$out\icons"
$version = (& "$out\yanmo\yanmo.exe" --version).Split(" ")[1]
# Portable: the folder as it is. With a file `yanmo-data` beside the program's folder nothing else is written on the machine:
# start it as `yanmo.exe --data-folder ..\yanmo-data`, which is what the link in the zip does.
Set-Content -Path "$out\yanmo\Yanmo portable.cmd" -Encoding ascii -Value '@start "" "%~dp0yanmo.exe" --data-folder "%~dp0..\yanmo-data"'
Compress-Archive -Path "$out\yanmo" -DestinationPath "$out\yanmo-$version-windows-portable.zip" -Force
Remove-Item "$out\yanmo\Yanmo portable.cmd"
makensis "/DVERSION=$version" "/DAPP=$out\yanmo" "/DICON=$out\icons\yanmo.ico" "/DOUT=$out\yanmo-$version-setup.exe" "$PSScriptRoot\yanmo.nsi"
