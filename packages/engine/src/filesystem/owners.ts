/**
 * Names of owners and groups, asked for once: a tree has very few of them, and the name service may be a network away.
 */
import { groupIdOf, groupNameOf, userIdOf, userNameOf } from "../platform/name-service.ts";

const users = new Map<number, string>();
const groups = new Map<number, string>();
const userIds = new Map<string, number | undefined>();
const groupIds = new Map<string, number | undefined>();

/**
 * The name of a user, empty when it has none.
 *
 * @throws SystemCallError when the name service fails; the next call asks again
 */
export function userName(uid: number): string {
  return remembered(users, uid, () => userNameOf(uid) ?? "");
}

/** The name of a group, empty when it has none. @throws SystemCallError as `userName` */
export function groupName(gid: number): string {
  return remembered(groups, gid, () => groupNameOf(gid) ?? "");
}

/**
 * The number of a user on this system, `undefined` when it has none of that name.
 *
 * @throws SystemCallError as `userName`
 */
export function userId(name: string): number | undefined {
  return remembered(userIds, name, () => userIdOf(name));
}

/**
 * The number of a group on this system, `undefined` when it has none of that name.
 *
 * @throws SystemCallError as `userName`
 */
export function groupId(name: string): number | undefined {
  return remembered(groupIds, name, () => groupIdOf(name));
}

function remembered<K, V>(known: Map<K, V>, key: K, find: () => V): V {
  const value = known.get(key);
  if (value !== undefined || known.has(key)) return value as V;
  const found = find();
  known.set(key, found);
  return found;
}
