import type { ContainerStart, SandboxSpec } from '../../daemon/ports/runtime.ts';

export function podSpec(number: number): SandboxSpec {
  const uid = `00000000-0000-8000-8000-${String(number).padStart(12, '0')}`;
  const name = `pod-${number}`;
  return { uid, namespace: 'default', name, labels: { app: 'test' }, annotations: {}, spec: { containers: [] }, hostname: name };
}

export function containerStart(pod: SandboxSpec, image: string, script: string, more: Partial<ContainerStart> = {}): ContainerStart {
  return {
    pod,
    container: 'main',
    image,
    attempt: 0,
    env: {},
    command: ['sh', '-c', script],
    tty: false,
    stdin: false,
    stdinOnce: false,
    ports: [],
    mounts: [],
    terminationMessagePath: '/dev/termination-log',
    ...more,
  };
}

/** Runs until told to end, and then ends with `code` at once. */
export const obedient = (code: number): string => `trap 'exit ${code}' TERM; echo ready; while :; do sleep 0.05; done`;
