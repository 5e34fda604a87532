import { childPath, forbidden, invalid, required } from '../schema/field-errors.ts';
import type { Container } from '../types.ts';
import { checkPortName } from '../values/names.ts';
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

export function validateLifecycle(container: Container, path: string): FieldError[] {
  const { postStart, preStop } = container.lifecycle ?? {};
  const at = childPath(path, 'lifecycle');
  return [
    ...(postStart === undefined ? [] : validateHandler(postStart, HOOK_HANDLERS, childPath(at, 'postStart'))),
    ...(preStop === undefined ? [] : validateHandler(preStop, HOOK_HANDLERS, childPath(at, 'preStop'))),
  ];
}

function validateHandler(handler: Handler, kinds: readonly (keyof Handler)[], path: string): FieldError[] {
  const given = kinds.filter((kind) => handler[kind] !== undefined);
  if (given.length === 0) return [required(path, 'must specify a handler type')];
  const errors = given.slice(1).map((kind) => forbidden(childPath(path, kind), 'may not specify more than 1 handler type'));
  const { exec, httpGet, tcpSocket } = handler;
  if (exec !== undefined && (exec.command ?? []).length === 0) errors.push(required(childPath(path, 'exec.command')));
  if (httpGet !== undefined) errors.push(...validatePort(httpGet.port, childPath(path, 'httpGet.port')));
  if (tcpSocket !== undefined) errors.push(...validatePort(tcpSocket.port, childPath(path, 'tcpSocket.port')));
  return errors;
}

function validatePort(port: number | string, path: string): FieldError[] {
  if (typeof port === 'string') return checkPortName(port).map((message) => invalid(path, port, message));
  return port >= 1 && port <= 65535 ? [] : [invalid(path, port, 'must be between 1 and 65535, inclusive')];
}
