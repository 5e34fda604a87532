import type { Container, PodSpec } from '../../../protocol/types.ts';
import { addAmount, addAmounts, amountsFrom, type Amounts } from './amounts.ts';

/**
 * What the containers of a pod ask for together, or what the greediest init container needs, whichever is more; sidecars count with both. Source: PodRequests and
 * PodLimits in k8s.io/component-helpers.
 */
export function podAmounts(spec: PodSpec, of: 'requests' | 'limits'): Amounts {
  const amountsOf = ({ resources }: Container): Amounts => amountsFrom(resources?.[of]);
  const total: Amounts = new Map();
  const atStart: Amounts = new Map();
  const sidecars: Amounts = new Map();
  for (const container of spec.containers) addAmounts(total, amountsOf(container));
  for (const container of spec.initContainers ?? []) {
    const own = amountsOf(container);
    const needed: Amounts = new Map(own);
    if (container.restartPolicy === 'Always') {
      addAmounts(total, own);
      addAmounts(sidecars, own);
      raiseTo(atStart, sidecars);
      continue;
    }
    for (const [name, amount] of sidecars) addAmount(needed, name, amount);
    raiseTo(atStart, needed);
  }
  raiseTo(total, atStart);
  return total;
}

function raiseTo(total: Amounts, least: Amounts): void {
  for (const [name, amount] of least) if ((total.get(name)?.nanos ?? -1n) < amount.nanos) total.set(name, amount);
}
