/** The steps of `rebuild.sh` that bring repositories and packages. */

/** What a template would take for its own. */
const D = "$";

export const PACKAGES_STEP = String.raw`
# --- repositories --------------------------------------------------------------------------------------------------------

repositories() {
  step "repositories of packages and their keys"
  if [ -s "$DATA/https" ] && [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
    apt-get update || true
    apt-get install -y --no-install-recommends ca-certificates
  fi
  place_list "$DATA/repositories.list"
  if grep -qs . "$DATA/repositories.list"; then
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
      if [ -f "$file" ] && [ ! -e "$FILES$file" ]; then aside "$file"; fi
    done
  fi
  while read -r arch; do
    [ "$arch" = "$(dpkg --print-architecture)" ] || dpkg --add-architecture "$arch"
  done < "$DATA/architectures.txt"
  # One repository that is out of reach must not keep the others from being used; what it had is said below.
  apt-get update || echo "some repositories cannot be reached"
}

# --- packages ------------------------------------------------------------------------------------------------------------

# Services that packages bring must not run before their settings are there.
POLICY=/usr/sbin/policy-rc.d
deny_services() {
  if [ -e "$POLICY" ] && ! grep -q 'holdfast rebuild' "$POLICY"; then mv "$POLICY" "$POLICY.before-rebuild"; fi
  printf '#!/bin/sh\n# holdfast rebuild: no service is started\nexit 101\n' > "$POLICY"
  chmod 755 "$POLICY"
}
allow_services() {
  if grep -qs 'holdfast rebuild' "$POLICY"; then
    rm "$POLICY"
    if [ -e "$POLICY.before-rebuild" ]; then mv "$POLICY.before-rebuild" "$POLICY"; fi
  fi
}

# choose_packages LIST: which version of each package can be had. Writes WORK/exact, and adds to
# STATE/other-version.txt and STATE/unavailable.txt.
choose_packages() {
  native=$(dpkg --print-architecture)
  awk -v native="$native" '{ print ($2 == native || $2 == "all") ? $1 : $1 ":" $2 }' "$1" > "$WORK/names"
  : > "$WORK/offered"
  if [ -s "$WORK/names" ]; then xargs apt-cache madison < "$WORK/names" > "$WORK/offered" 2>/dev/null || true; fi
  dpkg-query -W -f '${D}{Package} ${D}{Architecture} ${D}{Version} ${D}{db:Status-Status}\n' > "$WORK/here"
  : > "$WORK/exact"
  awk -v native="$native" -v exact="$WORK/exact" \
    -v other="$STATE/other-version.txt" -v gone="$STATE/unavailable.txt" '
    FILENAME ~ /offered$/ {
      if (/ Sources$/) next
      split($0, part, "|"); gsub(/ /, "", part[1]); gsub(/ /, "", part[2])
      offered[part[1] " " part[2]] = 1
      if (!(part[1] in first)) first[part[1]] = part[2]
      next
    }
    FILENAME ~ /here$/ { if ($4 == "installed") here[$1 " " $2] = $3; next }
    {
      name = ($2 == native || $2 == "all") ? $1 : $1 ":" $2
      if ((($1 " " $2) in here) && here[$1 " " $2] == $3) next
      if ((name " " $3) in offered) print name "=" $3 > exact
      else if (name in first) { print name > exact; print $1, $2, $3, first[name] >> other }
      else if (($1 " " $2) in here) print $1, $2, $3, here[$1 " " $2] >> other
      else print $1, $2, $3 >> gone
    }' "$WORK/offered" "$WORK/here" "$1"
}

# keep_possible LIST: which of these words apt could install, found by halves, to WORK/possible; the others to WORK/impossible.
keep_possible() {
  # Each line is a name, or a name and a version: no blanks, nothing that a shell would expand.
  if apt_install --simulate $(cat "$1") > /dev/null 2>&1; then cat "$1" >> "$WORK/possible"; return 0; fi
  count=$(wc -l < "$1")
  if [ "$count" -le 1 ]; then cat "$1" >> "$WORK/impossible"; return 0; fi
  head -n $((count / 2)) "$1" > "$1.a"
  tail -n +$((count / 2 + 1)) "$1" > "$1.b"
  keep_possible "$1.a"
  keep_possible "$1.b"
}

apt_install() {
  apt-get install -y --no-install-recommends --allow-downgrades --allow-change-held-packages \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# install_chosen LIST: in these versions. What cannot be had so is taken in the newest, and what cannot be installed at all must not
# keep the others from it: it is added to STATE/not-installed.txt.
install_chosen() {
  [ -s "$WORK/exact" ] || return 0
  how=--quiet
  if [ "$SIMULATE" = yes ]; then how=--simulate; fi
  if apt_install $how $(cat "$WORK/exact") > "$STATE/apt.log" 2>&1; then return 0; fi
  say "not all can be installed in these versions (see $STATE/apt.log): looking for those that cannot"
  : > "$WORK/possible"; : > "$WORK/impossible"
  keep_possible "$WORK/exact"
  sed 's/=.*//' "$WORK/impossible" > "$WORK/newest"
  : > "$WORK/impossible"
  if [ -s "$WORK/newest" ]; then keep_possible "$WORK/newest"; fi
  awk -v native="$(dpkg --print-architecture)" '
    FILENAME ~ /impossible$/ { impossible[$1] = 1; next }
    { name = ($2 == native || $2 == "all") ? $1 : $1 ":" $2; if (name in impossible) print $1, $2, $3 }' \
    "$WORK/impossible" "$1" >> "$STATE/not-installed.txt"
  [ -s "$WORK/possible" ] || return 0
  if apt_install $how $(cat "$WORK/possible") >> "$STATE/apt.log" 2>&1; then return 0; fi
  say "these versions do not fit together (see $STATE/apt.log): the newest of each are taken"
  if ! apt_install $how $(sed 's/=.*//' "$WORK/possible") >> "$STATE/apt.log" 2>&1; then
    tail -n 20 "$STATE/apt.log" >&2
    fail "packages could not be installed; the whole of what apt said is in $STATE/apt.log"
  fi
}

packages() {
  step "packages"
  : > "$STATE/other-version.txt"; : > "$STATE/unavailable.txt"; : > "$STATE/not-installed.txt"
  # Owners, modes and places that the administrator has chosen hold from the first unpacking on.
  if [ -s "$DATA/statoverride" ]; then cat "$DATA/statoverride" > /var/lib/dpkg/statoverride; fi
  while IFS= read -r path && IFS= read -r target; do
    # A package that is there already has its file under the first name; a copy, as without it the machine might not work.
    if [ -e "$path" ] && [ ! -e "$target" ]; then cp -a "$path" "$target"; fi
    dpkg-divert --quiet --local --no-rename --add --divert "$target" "$path"
  done < "$DATA/diversions.txt"
  # Links of this machine itself, before packages make theirs; also when an earlier run was cut off in between.
  [ -e "$STATE/links-before" ] || find /etc -type l > "$STATE/links-before"
  deny_services
  choose_packages "$DATA/packages.txt"
  install_chosen "$DATA/packages.txt"
  if [ "$BOOT" = yes ]; then choose_packages "$DATA/packages-boot.txt"; install_chosen "$DATA/packages-boot.txt"; fi
  allow_services
  [ "$SIMULATE" = yes ] || marks
}

# Which packages were asked for, and which came along with others; packages that only this machine has keep their marks.
marks() {
  dpkg-query -W -f '${D}{Package} ${D}{Architecture} ${D}{Version} ${D}{db:Status-Status}\n' | awk '$4 == "installed" { print $1 ":" $2 }' | sort > "$WORK/installed"
  for list in manual held; do
    sed 's/ /:/' "$DATA/packages-$list.txt" | sort | comm -12 - "$WORK/installed" > "$WORK/$list"
  done
  awk '{ print $1 ":" $2 }' "$DATA/packages.txt" | sort | comm -12 - "$WORK/installed" | comm -23 - "$WORK/manual" > "$WORK/automatic"
  for mark in automatic:auto manual:manual held:hold; do
    sed 's/:all$//' "$WORK/$(echo "$mark" | cut -d: -f1)" > "$WORK/marked"
    [ ! -s "$WORK/marked" ] || xargs apt-mark "$(echo "$mark" | cut -d: -f2)" < "$WORK/marked" > /dev/null
  done
}
`;
