/** Every error that the servers raise. `docs/errors.md` is generated from these tables. */
import { errorMaker, type ErrorTemplate } from "@holdfast/base";

export const SERVER_ERRORS = {
  // What a request asks for
  SERVER_BAD_PATH: { kind: "invalid-input", message: "the path names neither a repository nor a file in one" },
  SERVER_BAD_NAME: { kind: "invalid-input", message: "the name of a file is 64 hexadecimal digits in lower case" },
  SERVER_BAD_LENGTH: { kind: "invalid-input", message: "{length} bytes were announced, but {actual} came" },
  SERVER_NAME_MISMATCH: {
    kind: "invalid-input",
    message: "the name of the {type} file is not the SHA-256 of its bytes, so nothing was stored",
    hint: "The file was damaged on its way, or in the memory of the machine that sent it.",
  },
  SERVER_NO_LENGTH: { kind: "invalid-input", message: "an upload needs a Content-Length" },
  SERVER_TOO_LARGE: { kind: "invalid-input", message: "a {type} file may have {maxBytes} bytes, and not {length}" },
  SERVER_RANGE: { kind: "invalid-input", message: "the file has {size} bytes, and the range is not within" },
  SERVER_METHOD: { kind: "invalid-input", message: "{method} is not possible here" },
  SERVER_NO_FILE: { kind: "not-found", message: "there is no such file" },
  SERVER_EXISTS: { kind: "conflict", message: "the {type} file exists already" },
  SERVER_EXISTS_DAMAGED: {
    kind: "conflict",
    message: "the {type} file {name} exists already, with another size: it is damaged where it is stored",
    hint: "Remove the damaged file on the server's machine; then the upload can be repeated.",
  },
  SERVER_STALLED: { kind: "unavailable", message: "nothing moved for {seconds} s" },
  SERVER_CUT: { kind: "unavailable", message: "the connection was cut" },
  SERVER_REPLAY: {
    kind: "unavailable",
    message: "the place that keeps the repositories failed in the middle of the upload",
    hint: "Send the file again.",
  },
  SERVER_BUSY: { kind: "unavailable", message: "too much at once: {what}", transient: true },
  SERVER_HASHING: { kind: "unavailable", message: "the thread that hashes has died: {reason}", transient: true },
  SERVER_ENDING: { kind: "unavailable", message: "the server is about to end", transient: true },
  SERVER_TRASH_BUSY: { kind: "unavailable", message: "the file is being destroyed just now", transient: true },

  // Who asks, and what they may
  SERVER_CREDENTIALS: { kind: "permission", message: "the name or the password is wrong" },
  SERVER_OTHER_REPOSITORY: { kind: "permission", message: "this client may not use that repository" },
  SERVER_ROLE: { kind: "permission", message: "a client with the role {role} may not {operation} {type} files" },
  SERVER_APPEND_ONLY: {
    kind: "permission",
    message: "a client with the role {role} may add, but neither remove nor replace {type} files",
  },
  SERVER_FOREIGN_LOCK: { kind: "permission", message: "the lock was made by another client" },
  SERVER_TOO_MANY_LOCKS: {
    kind: "permission",
    message: "this client has {count} locks, which is the most it may have",
  },
  SERVER_KEY_SET: {
    kind: "permission",
    message: "a client with the role {role} may add a key only to a repository that is being made",
    hint: "Add keys with a client that has the role admin.",
  },
  SERVER_TOO_YOUNG: {
    kind: "permission",
    message: "the {type} file was received {age} ago, and nothing may be removed within {minAge}",
  },
  SERVER_AGE_UNKNOWN: {
    kind: "permission",
    message: "nobody knows when the {type} file was received, so the retention lock keeps it",
  },
  SERVER_CLOCK_DOUBT: {
    kind: "permission",
    message: "nothing is removed, since the clock of the server is in doubt: {reason}",
    hint: "Set the clock of the server's machine right, and start the server again.",
  },
  // Plans for removals
  SERVER_UNPLANNED: {
    kind: "permission",
    message: "the {type} file is named in no plan that was approved, is past its delay and not expired",
  },
  SERVER_NO_PLAN: { kind: "not-found", message: "there is no such plan" },
  SERVER_BAD_PLAN: { kind: "invalid-input", message: "the plan cannot be registered: {problem}" },
  SERVER_PLAN_FILE: {
    kind: "conflict",
    message: "{count} of the {type} files that the plan names are not there (any more)",
  },
  SERVER_TOO_MANY_PLANS: {
    kind: "conflict",
    message: "{count} plans are open for this repository, which is the most there may be: cancel some first",
  },
  SERVER_PLAN_OVER: { kind: "conflict", message: "the plan is {state}: nothing can be decided about it any more" },
  SERVER_PLAN_DAMAGED: {
    kind: "corrupt",
    message: "the plan {hash} is not what was registered: somebody changed the records of this server",
  },
  SERVER_SIGNATURE: { kind: "permission", message: "the signature does not count: {reason}" },
  SERVER_OWN_PLAN: {
    kind: "permission",
    message: "{name} stands for the client {client}, which proposed the plan, and so cannot approve it",
  },
  SERVER_APPROVED_BEFORE: { kind: "conflict", message: "{name} has approved this plan before, and counts once" },
  SERVER_NO_APPROVERS: {
    kind: "conflict",
    message: "nobody has to approve plans at this server: they wait for their delay only",
  },
  SERVER_APPROVERS_LOST: {
    kind: "permission",
    message: "the file of approvers cannot be used, so nothing is removed; the server's log says why",
  },
  SERVER_QUOTA: {
    kind: "unavailable",
    message: "the quota of {quota} bytes is used up: {used} are in use, and {length} more were to come",
    hint: "Raise the quota of the client. What was removed counts until it has left the trash.",
  },

  // Running the server
  SERVER_CLIENTS_FILE: { kind: "invalid-input", message: "{path} is not a file of clients: {problem}" },
  SERVER_CLIENTS_FILE_OPEN: {
    kind: "permission",
    message: "{path} can be read by others than its owner",
    hint: "Run `chmod 600 {path}`: it holds the hashes of passwords.",
  },
  SERVER_NO_CLIENTS: {
    kind: "not-found",
    message: "there is no file of clients at {path}",
    hint: "Make it with `holdfast serve client add`, or let everybody on this machine in with --anonymous.",
  },
  SERVER_CLIENT_EXISTS: { kind: "conflict", message: "there is a client {name} already" },
  SERVER_CLIENT_UNKNOWN: { kind: "not-found", message: "there is no client {name}" },
  SERVER_INSECURE: {
    kind: "invalid-input",
    message: "{address} can be reached by other machines, and {what} would be open to them",
    hint: "{how}",
  },
  SERVER_LISTEN: { kind: "unavailable", message: "cannot listen on {address}: {reason}" },
  SERVER_CERTIFICATE: { kind: "invalid-input", message: "the certificate cannot be used: {reason}" },
  SERVER_NO_ROOT: {
    kind: "not-found",
    message: "{path} is not there",
    hint: "Mount the disk that holds it, or make the folder.",
  },
  SERVER_NO_STATE: {
    kind: "invalid-input",
    message: "a folder for the server's own records is needed where repositories are not in a local folder",
    hint: "Give --state FOLDER.",
  },
  SERVER_APPROVERS: {
    kind: "invalid-input",
    message: "the file of approvers {path} cannot be used: {problem}",
    hint: "It has the form of OpenSSH's allowed signers, a line for each person: `anna@example.org ssh-ed25519 AAAA…`.",
  },
  SERVER_NO_SSH_KEYGEN: {
    kind: "external-tool",
    message: "signatures of approvers cannot be verified, as ssh-keygen cannot be used: {reason}",
    hint: "Install OpenSSH's client (Debian: openssh-client), 8.2 or newer.",
  },
  SERVER_PLAN_TIMES: {
    kind: "invalid-input",
    message: "plans would expire after {expiry} and could be carried out only after {delay}",
    hint: "Let --plan-expiry be longer than --removal-delay.",
  },
  SERVER_STATE: { kind: "unavailable", message: "the server's records in {path} cannot be used: {reason}" },
  SERVER_NOT_IN_TRASH: { kind: "not-found", message: "the trash has no file {name}" },
  SERVER_RESTORE_BLOCKED: {
    kind: "conflict",
    message: "the {type} file of {repository} cannot come back while another one is there",
  },
} as const satisfies Record<string, ErrorTemplate>;

export const serverError = errorMaker(SERVER_ERRORS);
