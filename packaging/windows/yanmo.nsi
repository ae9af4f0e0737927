; The installer for Windows. NOT RUN by this project yet; it was compiled with makensis on Linux, with a stand-in for the app.
; For one user, without administrator's rights. Conversations and models lie in %LOCALAPPDATA%\Yanmo, which is never touched.
Unicode true
!include "MUI2.nsh"

!ifndef VERSION
  !error "makensis /DVERSION=… /DAPP=… /DICON=… /DOUT=…: see build.ps1"
!endif

Name "Yanmo"
OutFile "${OUT}"
InstallDir "$LOCALAPPDATA\Programs\Yanmo"
InstallDirRegKey HKCU "Software\Yanmo" "InstallDir"
RequestExecutionLevel user
SetCompressor /SOLID lzma

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_FINISHPAGE_RUN "$INSTDIR\yanmo.exe"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "SimpChinese"

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Yanmo"

Section "Yanmo"
  RMDir /r "$INSTDIR\_internal" ; an older version's files
  SetOutPath "$INSTDIR"
  File /r "${APP}/*"
  File "/oname=yanmo.ico" "${ICON}"
  CreateShortCut "$SMPROGRAMS\Yanmo.lnk" "$INSTDIR\yanmo.exe" "" "$INSTDIR\yanmo.ico"
  WriteRegStr HKCU "Software\Yanmo" "InstallDir" "$INSTDIR"
  ; “open with” for GGUF files; whoever opens them now stays the one
  WriteRegStr HKCU "Software\Classes\Yanmo.gguf" "" "GGUF language model"
  WriteRegStr HKCU "Software\Classes\Yanmo.gguf\DefaultIcon" "" "$INSTDIR\yanmo.ico"
  WriteRegStr HKCU "Software\Classes\Yanmo.gguf\shell\open\command" "" '"$INSTDIR\yanmo.exe" open "%1"'
  WriteRegStr HKCU "Software\Classes\.gguf\OpenWithProgids" "Yanmo.gguf" ""
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Yanmo"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\yanmo.ico"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  WriteUninstaller "$INSTDIR\uninstall.exe"
SectionEnd

Section "Uninstall"
  RMDir /r "$INSTDIR\_internal"
  Delete "$INSTDIR\yanmo.exe"
  Delete "$INSTDIR\yanmo.ico"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\Yanmo.lnk"
  DeleteRegKey HKCU "Software\Classes\Yanmo.gguf"
  DeleteRegValue HKCU "Software\Classes\.gguf\OpenWithProgids" "Yanmo.gguf"
  DeleteRegKey HKCU "${UNINSTALL}"
  DeleteRegKey HKCU "Software\Yanmo"
SectionEnd
