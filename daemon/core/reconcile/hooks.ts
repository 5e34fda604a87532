import type { Container } from '../../../protocol/types.ts';
import type { RuntimeContainer } from '../../ports/runtime.ts';
import { withContainer } from './memory.ts';
import type { ContainerMemory, PodMemory } from './memory.ts';
import { reportedStatuses } from './reported.ts';

/** Whether an attempt that runs still waits for its postStart hook: until then it counts as being created. */
export function awaitsHook(container: Container, memory: ContainerMemory, attempt: number): boolean {
  return container.lifecycle?.postStart !== undefined && memory.hooked !== attempt;
}

/** An attempt that was said to run before the daemon restarted has had its hook. */
export function adoptHooks(before: PodMemory, containers: readonly Container[], listed: readonly RuntimeContainer[]): PodMemory {
  let memory = before;
  for (const container of containers) {
    if (container.lifecycle?.postStart === undefined) continue;
    const running = listed.find(({ name, state }) => name === container.name && state === 'running');
    const said = reportedStatuses(before.status).find(({ name }) => name === container.name);
    if (running === undefined || said?.containerID !== running.id || said.state?.running === undefined) continue;
    if (memory.containers[container.name]?.hooked !== running.attempt)
      memory = withContainer(memory, container.name, { hooked: running.attempt });
  }
  return memory;
}
