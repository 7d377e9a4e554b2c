/**
 * `rebuild.sh`: makes a blank Debian machine what the captured one was. It is plain shell with lists beside it, so that it can be
 * read before it is run, and works without Holdfast.
 */
import { oneLine } from "./one-line.ts";
import { ACCOUNTS_STEP } from "./script-accounts.ts";
import { FILES_STEP } from "./script-files.ts";
import { PACKAGES_STEP } from "./script-packages.ts";

export interface ScriptFacts {
  readonly hostname: string;
  readonly product: string;
  readonly codename: string;
  readonly arch: string;
  readonly capturedAt: string;
  /** How the disks were, as lines of comments. */
  readonly disks: readonly string[];
}

/** The whole script. */
export function rebuildScript(facts: ScriptFacts): string {
  return [head(facts), ARGUMENTS, ACCOUNTS_STEP, FILES_STEP, PACKAGES_STEP, disks(facts.disks), STEPS].join("");
}

/** A word of the shell. */
function quoted(text: string): string {
  return `'${oneLine(text).replaceAll("'", String.raw`'\''`)}'`;
}

function head({ hostname, product, codename, arch, capturedAt }: ScriptFacts): string {
  return `#!/bin/sh
# Makes a blank Debian machine what another one was. Can be run again: what is done already stays as it is.
#
#   ./rebuild.sh           says what would be done
#   ./rebuild.sh --yes     does it
#
# Beside it: files/ (what was captured), data/ (lists that this script reads), report/ (what the machine was),
# layout.json (its disks), remaining.txt (what a person has to do).
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1

ORIGINAL=${quoted(hostname)}
PRODUCT=${quoted(product)}
CODENAME=${quoted(codename)}
ARCH=${quoted(arch)}
CAPTURED=${quoted(capturedAt)}
`;
}

const ARGUMENTS = String.raw`
YES=no BOOT=no NETWORK=no REPLACES=no SIMULATE=no ANY=no
for argument in "$@"; do
  case "$argument" in
    --yes) YES=yes ;;                       # without it nothing is changed
    --with-boot) BOOT=yes ;;                # also kernels and boot loaders
    --with-network) NETWORK=yes ;;          # also the network, whatever interfaces are called here
    --replaces-original) REPLACES=yes ;;    # also machine-id, SSH host keys and host name: the original must be gone
    --simulate-packages) SIMULATE=yes ;;    # packages are not installed, it is only tried whether they could be
    --any-release) ANY=yes ;;               # on another release, too
    *) printf 'rebuild.sh: there is no option %s\n' "$argument" >&2; exit 2 ;;
  esac
done

HERE=$(cd "$(dirname "$0")" && pwd)
FILES=$HERE/files DATA=$HERE/data
STATE=/var/lib/holdfast-rebuild

# Names come from elsewhere: echo would take a backslash in them for more than that.
say() { printf '%s\n' "$1"; }
fail() { say "rebuild.sh: $1" >&2; exit 1; }
step() { say "== $1"; }
`;

function disks(lines: readonly string[]): string {
  return `
# --- disks ---------------------------------------------------------------------------------------------------------------
# Nothing of this is run: another machine has other disks. It is how the disks of the original were, as commands to begin
# with; layout.json has the same as data.
#
${lines.map((line) => (line === "" ? "#" : `#   ${oneLine(line)}`)).join("\n")}
`;
}

const STEPS = String.raw`
# --- all steps -----------------------------------------------------------------------------------------------------------

# Nothing was changed before this has passed.
check() {
  [ "$(id -u)" = 0 ] || fail "only root can do this"
  [ -e /var/lib/dpkg/status ] || fail "this is no system of Debian packages"
  [ "$(dpkg --print-architecture)" = "$ARCH" ] || fail "the original was $ARCH, and this is $(dpkg --print-architecture)"
  here=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release | tr -d '"')
  if [ "$here" != "$CODENAME" ] && [ "$ANY" = no ]; then
    fail "the original was $CODENAME, and this is $here: begin with the same release, or give --any-release"
  fi
  for tool in tar awk sed find xargs cmp comm apt-get apt-cache apt-mark; do
    command -v "$tool" > /dev/null || fail "the program $tool is not there"
  done
}

check
if [ "$YES" = no ]; then
  say "This makes the machine $(cat /etc/hostname 2> /dev/null) what $ORIGINAL ($PRODUCT) was on $CAPTURED:"
  echo "  users and groups: $(wc -l < "$DATA/passwd") and $(wc -l < "$DATA/group")"
  echo "  packages: $(wc -l < "$DATA/packages.txt")"
  echo "  files and folders: $(tr -cd '\000' < "$DATA/files.list" | wc -c)"
  echo "What is here and also there is replaced. Nothing was changed so far: run it with --yes."
  exit 0
fi

umask 022
mkdir -p "$STATE/before"
chmod 700 "$STATE"
WORK=$(mktemp -d "$STATE/work.XXXXXX")
trap 'allow_services; rm -rf "$WORK"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
TAR_ATTRIBUTES=
if tar --help | grep -q -- --xattrs-include; then TAR_ATTRIBUTES="--acls --xattrs --xattrs-include=*"; fi

accounts
repositories
packages
files
services
finish

step "done"
other=$(wc -l < "$STATE/other-version.txt")
gone=$(wc -l < "$STATE/unavailable.txt")
failed=$(wc -l < "$STATE/not-installed.txt")
if [ "$other" -gt 0 ]; then echo "$other packages have another version than they had, see $STATE/other-version.txt"; fi
if [ "$gone" -gt 0 ]; then
  echo "$gone packages are in no repository, and are MISSING, see $STATE/unavailable.txt:"
  head -n 20 "$STATE/unavailable.txt"
fi
if [ "$failed" -gt 0 ]; then
  echo "$failed packages cannot be installed, and are MISSING, see $STATE/not-installed.txt; apt-get install says why:"
  head -n 20 "$STATE/not-installed.txt"
fi
echo "What remains to be done is in $HERE/remaining.txt. Then start the machine anew."
if [ "$((gone + failed))" -gt 0 ]; then exit 3; fi
`;
