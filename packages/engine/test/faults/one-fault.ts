/** A plan with one fault that tells whether the run came as far. */
import type { Fault, FaultOperation, FaultPlan, FileType } from "@holdfast/storage";

export interface OneFault extends FaultPlan {
  readonly fired: boolean;
}

/** The fault at the `call`-th call (from 1) of an operation, of one type if given. */
export function oneFault(rule: { operation: FaultOperation; type?: FileType; call: number; fault: Fault }): OneFault {
  let count = 0;
  return {
    get fired() {
      return count >= rule.call;
    },
    next(operation, type) {
      if (operation !== rule.operation || (rule.type !== undefined && type !== rule.type)) return undefined;
      return ++count === rule.call ? rule.fault : undefined;
    },
  };
}

/** Not a fault: runs `act` at the `call`-th call of any kind. */
export function actAtCall(call: number, act: () => void): OneFault {
  let count = 0;
  return {
    get fired() {
      return count >= call;
    },
    next() {
      if (++count === call) act();
      return undefined;
    },
  };
}
