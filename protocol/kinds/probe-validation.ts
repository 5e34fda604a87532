import { childPath, forbidden, invalid, required } from '../schema/field-errors.ts';
import type { Container } from '../types.ts';
import { checkHttpHeaderName, checkPort } from '../values/names.ts';
import type { FieldError } from './kind.ts';

/** Kubernetes' rules for probes and hooks that the schema can't say. Source: validateProbe and validateHandler in pkg/apis/core/validation. */

type Probe = NonNullable<Container['livenessProbe']>;
type Handler = NonNullable<NonNullable<Container['lifecycle']>['postStart']> & Pick<Probe, 'grpc'>;

const PROBE_HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const;
const HOOK_HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'sleep'] as const;

export function validateProbes(container: Container, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[field];
    if (probe === undefined) continue;
    const at = childPath(path, field);
    errors.push(...validateHandler(probe, PROBE_HANDLERS, at));
    const { terminationGracePeriodSeconds: grace = 1 } = probe;
    if (grace <= 0) errors.push(invalid(childPath(at, 'terminationGracePeriodSeconds'), grace, 'must be greater than 0'));
    if (field === 'readinessProbe') {
      if (probe.terminationGracePeriodSeconds !== undefined) {
        errors.push(
          invalid(
            childPath(at, 'terminationGracePeriodSeconds'),
            probe.terminationGracePeriodSeconds,
            'must not be set for readinessProbes',
          ),
        );
      }
    } else if ((probe.successThreshold ?? 1) !== 1) {
      errors.push(invalid(childPath(at, 'successThreshold'), probe.successThreshold, 'must be 1'));
    }
  }
  return errors;
}

/** @param graceSeconds of the pod */
export function validateLifecycle(container: Container, path: string, graceSeconds: number | undefined): FieldError[] {
  const { postStart, preStop } = container.lifecycle ?? {};
  const at = childPath(path, 'lifecycle');
  return [
    ...(postStart === undefined ? [] : validateHandler(postStart, HOOK_HANDLERS, childPath(at, 'postStart'), graceSeconds)),
    ...(preStop === undefined ? [] : validateHandler(preStop, HOOK_HANDLERS, childPath(at, 'preStop'), graceSeconds)),
  ];
}

function validateHandler(handler: Handler, kinds: readonly (keyof Handler)[], path: string, graceSeconds?: number): FieldError[] {
  const [first, ...others] = kinds.filter((kind) => handler[kind] !== undefined);
  if (first === undefined) return [required(path, 'must specify a handler type')];
  return [
    ...validateAction(handler, first, childPath(path, first), graceSeconds),
    ...others.map((kind) => forbidden(childPath(path, kind), 'may not specify more than 1 handler type')),
  ];
}

/** Of several only the first is looked at. */
function validateAction(
  { exec, httpGet, tcpSocket, sleep }: Handler,
  kind: keyof Handler,
  at: string,
  graceSeconds?: number,
): FieldError[] {
  if (kind === 'exec') return (exec?.command ?? []).length === 0 ? [required(childPath(at, 'command'))] : [];
  if (kind === 'tcpSocket') return validatePort(tcpSocket?.port, at);
  if (kind === 'sleep') {
    const seconds = Number(sleep?.seconds ?? 0);
    const detail = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
    return graceSeconds !== undefined && (seconds < 0 || seconds > graceSeconds) ? [invalid(at, seconds, detail)] : [];
  }
  if (kind !== 'httpGet') return [];
  const headers = (httpGet?.httpHeaders ?? []).flatMap(({ name }) =>
    checkHttpHeaderName(name).map((message) => invalid(childPath(at, 'httpHeaders'), name, message)),
  );
  return [...validatePort(httpGet?.port, at), ...headers];
}

function validatePort(port: number | string | undefined, at: string): FieldError[] {
  return checkPort(port ?? 0).map((message) => invalid(childPath(at, 'port'), port ?? 0, message));
}
