/** The steps of `rebuild.sh` that put files in place, and away what packages bring and the original did not have. */

/** What a template would take for its own. */
const D = "$";

export const FILES_STEP = String.raw`
# --- files ---------------------------------------------------------------------------------------------------------------

# place_list LIST: puts files of the capture in their places, with owners, modes and attributes. Names end with a NUL.
place_list() {
  [ -s "$1" ] || return 0
  {
    tar --create --file=- --directory="$FILES" --no-recursion --numeric-owner $TAR_ATTRIBUTES --null --files-from="$1" ||
      touch "$WORK/unread"
  } | tar --extract --file=- --directory=/ --numeric-owner --same-permissions $TAR_ATTRIBUTES --keep-directory-symlink
  [ ! -e "$WORK/unread" ] || fail "not all files of $1 could be read"
}

# aside PATH: out of the way, but not lost.
aside() {
  mkdir -p "$STATE/removed$(dirname "$1")"
  mv "$1" "$STATE/removed$1"
  say "removed $1, which the original did not have (now in $STATE/removed)"
}

files() {
  step "files"
  if [ -d "$FILES/var/lib/dpkg/alternatives" ]; then cp -R "$FILES/var/lib/dpkg/alternatives/." /var/lib/dpkg/alternatives/; fi
  place_list "$DATA/files.list"
  if [ "$REPLACES" = yes ]; then place_list "$DATA/identity.list"; fi
  if network_fits; then place_list "$DATA/network.list"; else echo "the configuration of the network is held back, see $HERE/remaining.txt"; fi
  while IFS= read -r path; do
    if [ -n "$path" ] && [ -f "$path" ]; then aside "$path"; fi
  done < "$DATA/removed.txt"
  links
}

# Interfaces that the original had must be there under their names.
network_fits() {
  if [ "$NETWORK" = yes ]; then return 0; fi
  [ -s "$DATA/interfaces.txt" ] || return 1
  while read -r name; do
    [ -e "/sys/class/net/$name" ] || return 1
  done < "$DATA/interfaces.txt"
}

# Packages enable what they bring by links in /etc, such as sites and modules of web servers. Those that they have made now,
# and that the original did not have, were disabled there.
links() {
  find /etc -type l | grep -vxF -f "$STATE/links-before" | while IFS= read -r link; do
    case "$link" in /etc/alternatives/* | /etc/ssl/certs/* | /etc/systemd/* | /etc/rc[0-6S].d/* | /etc/mtab | /etc/localtime) continue ;; esac
    if [ -d "$FILES$(dirname "$link")" ] && [ ! -L "$FILES$link" ] && [ ! -e "$FILES$link" ]; then aside "$link"; fi
  done
}

# --- services ------------------------------------------------------------------------------------------------------------
# What is enabled are links in /etc, which came with the files. Packages have made links of their own: those of units that
# the original knew, and did not have enabled, are taken away.

services() {
  step "services"
  for link in /etc/systemd/system/*.wants/* /etc/systemd/system/*.requires/* /etc/systemd/system/*; do
    [ -L "$link" ] || continue
    inside=${D}{link#/etc/systemd/system/}
    name=$(basename "$link")
    target=$(basename -- "$(readlink "$link")")
    if grep -qxF -e "$inside" "$DATA/unit-links.txt"; then continue; fi
    if grep -qxF -e "$name" -e "$target" "$DATA/units.txt"; then aside "$link"; fi
  done
  for link in /etc/rc[0-6S].d/[SK][0-9][0-9]*; do
    [ -L "$link" ] || continue
    if [ -L "$FILES$link" ] || [ ! -e "$FILES/etc/init.d/$(basename "$link" | cut -c 4-)" ]; then continue; fi
    aside "$link"
  done
}

# --- what is made from the files -----------------------------------------------------------------------------------------

finish() {
  step "what is made from the files"
  ldconfig
  if [ -e /etc/locale.gen ] && command -v locale-gen > /dev/null; then locale-gen > /dev/null; fi
  if [ -d /usr/local/share/ca-certificates ] && command -v update-ca-certificates > /dev/null; then update-ca-certificates > /dev/null; fi
  if [ "$BOOT" = yes ] && command -v update-initramfs > /dev/null; then update-initramfs -u; fi
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}
`;
