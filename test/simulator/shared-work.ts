import { resolveObject } from '../../daemon/core/desired/resolve.ts';
import type { Resolution, Resolve } from '../../daemon/core/desired/resolve.ts';
import type { DocumentState } from '../../daemon/ports/documents.ts';

/**
 * What a document shows follows from its state alone, so that of the peers of one simulation the first finds it out for all that hold the same (stand-in documents
 * share their states). Whoever changes what is shared breaks it for others: it is frozen.
 */
export function sharedResolve(): Resolve {
  const known = new WeakMap<DocumentState, Resolution>();
  return (input) => {
    let found = known.get(input.state);
    if (found === undefined) {
      found = freeze(resolveObject(input));
      known.set(input.state, found);
    }
    return found;
  };
}

function freeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
  return value;
}
