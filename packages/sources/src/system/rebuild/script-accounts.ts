/** The step of `rebuild.sh` that gives users and groups the ids that they had, before any package makes its own. */

export const ACCOUNTS_STEP = String.raw`
# --- users and groups ---------------------------------------------------------------------------------------------------
# They get the ids that they had, before packages would choose their own. Users and groups that only this machine has are
# kept; where one of them has an id that is needed, it gets another, and its files go along.

# merge_ids KIND WANTED HERE: writes WORK/KIND, and to WORK/KIND.moved each id that changes: old, new.
merge_ids() {
  : > "$WORK/$1.moved"
  awk -v wanted="$2" -v out="$WORK/$1" -v moved="$WORK/$1.moved" -v groups="$WORK/group.moved" -v kind="$1" '
    BEGIN {
      FS = ":"; OFS = ":"
      if (kind == "passwd") while ((getline line < groups) > 0) { split(line, pair, " "); group[pair[1]] = pair[2] }
    }
    FILENAME == wanted { id[$1] = $3; taken[$3] = 1; print > out; next }
    { here[$3] = 1 }
    $1 in id { if (id[$1] != $3) print $3 " " id[$1] > moved; next }
    { others[++count] = $0 }
    END {
      free = 999
      for (n = 1; n <= count; n++) {
        $0 = others[n]
        if (kind == "passwd" && ($4 in group)) $4 = group[$4]
        if ($3 in taken) {
          while ((free in taken) || (free in here)) free--
          print $3 " " free > moved
          $3 = free
          taken[free] = 1
        }
        print > out
      }
    }' "$2" "$3"
}

# The lines of a file of passwords for all accounts of NAMES: as they were, else as they are here, else locked.
# merge_secrets NAMES WANTED HERE LOCKED
merge_secrets() {
  awk -v names="$1" -v locked="$4" '
    BEGIN { FS = ":" }
    FILENAME == names { order[++count] = $1; next }
    !($1 in line) { line[$1] = $0 }
    END { for (n = 1; n <= count; n++) print (order[n] in line) ? line[order[n]] : order[n] locked }' "$1" "$2" "$3"
}

# move_files KIND FLAG: gives files of ids that change to the new ones; all are found before the first is changed.
move_files() {
  [ -s "$WORK/$1.moved" ] || return 0
  number=0
  while read -r old new; do
    number=$((number + 1))
    find / \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path "$HERE" -o -path "$STATE" \) -prune -o \
      "-$2" "$old" -print0 > "$WORK/moved.$number"
    echo "$new" > "$WORK/moved.$number.id"
  done < "$WORK/$1.moved"
  while [ "$number" -gt 0 ]; do
    new=$(cat "$WORK/moved.$number.id")
    if [ "$2" = gid ]; then new=":$new"; fi
    # A change of owner drops the bits for setuid and setgid.
    xargs -0 -r -n 1 sh -c 'mode=$(stat -c %a "$2") && chown -h "$1" "$2" && { [ -L "$2" ] || chmod "$mode" "$2"; }' sh "$new" \
      < "$WORK/moved.$number"
    number=$((number - 1))
  done
}

put_account_file() { # NAME MODE GROUP
  chown "root:$3" "$WORK/$1.new" && chmod "$2" "$WORK/$1.new"
  if ! cmp -s "$WORK/$1.new" "/etc/$1"; then
    [ ! -e "/etc/$1" ] || [ -e "$STATE/before/$1" ] || cp -p "/etc/$1" "$STATE/before/$1"
    cp -p "$WORK/$1.new" "/etc/.$1.rebuild" && mv "/etc/.$1.rebuild" "/etc/$1"
  fi
}

accounts() {
  step "users and groups"
  touch /etc/shadow /etc/gshadow
  merge_ids group "$DATA/group" /etc/group
  merge_ids passwd "$DATA/passwd" /etc/passwd
  merge_secrets "$WORK/passwd" "$DATA/shadow" /etc/shadow ':!:::::::' > "$WORK/shadow.new"
  merge_secrets "$WORK/group" "$DATA/gshadow" /etc/gshadow ':!::' > "$WORK/gshadow.new"
  move_files group gid
  move_files passwd uid
  mv "$WORK/passwd" "$WORK/passwd.new"
  mv "$WORK/group" "$WORK/group.new"
  put_account_file group 644 root
  put_account_file passwd 644 root
  put_account_file shadow 640 shadow
  put_account_file gshadow 640 shadow
  for name in subuid subgid; do
    [ ! -e "$FILES/etc/$name" ] || cp -p "$FILES/etc/$name" "/etc/$name"
  done
  # Whoever may log in has a home; what was in it is data, and comes from elsewhere.
  awk -F: '$3 >= 1000 && $3 < 60000 && $6 ~ /^\// && $7 !~ /(nologin|false)$/ { print $3 ":" $4 " " $6 }' "$DATA/passwd" | while read -r owner home; do
    [ ! -e "$home" ] || continue
    mkdir -p "$home"
    [ ! -d /etc/skel ] || cp -R /etc/skel/. "$home"
    chown -R "$owner" "$home"
    chmod 700 "$home"
  done
}
`;
