/** What work leaves on a lab's host beside the daemon's own state: containers, networks, links, rules of the kernel, files, and the engine's memory. */
import type { LabHost } from '../lab/types.ts';

export interface EngineFigures {
  /** Sandboxes, and dead ones, too. */
  containers: number;
  networks: number;
  /** Ends of pods' links. */
  veths: number;
  nftLines: number;
  /** Of dockerd, containerd and their shims. */
  engineMiB: number;
  /** Folders of containers' logs, of pods' volumes and of their last words. */
  folders: number;
  engineDiskMiB: number;
  dataDiskMiB: number;
  /** Open files of the daemon. */
  descriptors: number;
}

/** Arguments: the engine's socket, its folder, and the daemon's data folder. */
const COUNT = `socket=$1 engine=$2 data=$3
say() { echo "$1 $2"; }
say containers $(docker -H unix://$socket ps -aq | wc -l)
say networks $(docker -H unix://$socket network ls -q | wc -l)
say veths $(ip -o link show type veth | wc -l)
say nftLines $(nft list ruleset | wc -l)
say engineMiB $(ps -eo rss=,comm= | awk '/ (dockerd|containerd)/ { total += $1 } END { print int(total / 1024) }')
say folders $(ls -d $engine/containers/* $data/pods/* /dev/shm/kith-*/* $data/docker/termination/* 2>/dev/null | wc -l)
say engineDiskMiB $(du -sm $engine | cut -f1)
say dataDiskMiB $(du -sm $data | cut -f1)
say descriptors $(ls /proc/$(pgrep -of "kithd.js.*$data")/fd | wc -l)
`;

export async function engineFigures(host: LabHost): Promise<EngineFigures> {
  const said = await host.exec('sh', '-c', COUNT, 'sh', host.engineSocket, `${host.folder}/engine`, host.dataDir);
  const lines = said
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  return Object.fromEntries(lines.map(([name = '', count]) => [name, Number(count)])) as unknown as EngineFigures;
}
