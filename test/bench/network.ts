import path from 'node:path';
import { LabCluster } from '../lab/cluster.ts';
import { createLab } from '../lab/lab.ts';
import { projectRoot } from '../lab/record.ts';
import { listOption, type BenchArguments } from './args.ts';
import { benchNetworkFailover } from './network/failover.ts';
import { benchReady } from './network/ready.ts';
import { benchRules } from './network/rules.ts';
import { benchTraffic } from './network/traffic.ts';

const PARTS = ['rules', 'traffic', 'ready', 'failover'] as const;
const HOSTS = 3;

/** The network of pods, in four parts; `--parts rules,ready` for some of them. All but the rules need a lab. */
export async function benchNetwork(given: BenchArguments, say: (text: string) => void): Promise<object> {
  const chosen = listOption(given, 'parts', PARTS);
  const wants = (part: (typeof PARTS)[number]): boolean => chosen.length === 0 || chosen.includes(part);
  const rules = wants('rules') ? await benchRules(given, say) : {};
  if (chosen.length > 0 && !chosen.some((part) => part !== 'rules')) return rules;
  const cluster = new LabCluster(async () => {
    const lab = await createLab(HOSTS, { dist: path.join(projectRoot(), 'dist') });
    await lab.startCluster();
    return lab;
  });
  const onSignal = (): void => {
    say('interrupted: the lab is taken down');
    void cluster.close().finally(() => process.exit(130));
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    say(`network: ${HOSTS} hosts`);
    await cluster.renew();
    const traffic = wants('traffic') ? await benchTraffic(cluster, given, say) : {};
    const ready = wants('ready') ? await benchReady(cluster, given, say) : {};
    const failover = wants('failover') ? await benchNetworkFailover(cluster, given, say) : {};
    return { ...traffic, ...ready, ...rules, ...failover };
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await cluster.close();
  }
}
