import type { Command } from 'commander';
import type { NetAnswer, NetServiceRow } from '../../protocol/net-answer.ts';
import { contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError } from '../errors.ts';
import { formatColumns } from '../output/columns.ts';
import { jsonOutput } from '../output/json-output.ts';

interface NetOptions {
  output?: string;
  allNamespaces?: boolean;
}

export function addNet(program: Command, terminal: Terminal): void {
  program
    .command('net')
    .argument('[service]')
    .description(
      'Show what the asked peer believes of the network: ranges, subnets, Services, and why each endpoint takes traffic or does not',
    )
    .addOption(jsonOutput())
    .option('-A, --all-namespaces', 'Services of all namespaces')
    .addHelpText('after', '\nExamples:\n  kith net\n  kith net hello\n  kith net -A -o json')
    .action(async (service: string | undefined, options: NetOptions, command: Command) =>
      net(contextOf(command, terminal), service, options),
    );
}

async function net(context: CliContext, service: string | undefined, options: NetOptions): Promise<void> {
  const answer = await context.client.get<NetAnswer>('/kith.dev/v1/net');
  const table = answer.table.filter(
    ({ namespace, name }) =>
      (options.allNamespaces === true || namespace === context.namespace) && (service === undefined || name === service),
  );
  if (service !== undefined && table.length === 0) throw new CliError(`Error from server (NotFound): services "${service}" not found`);
  const shown = { ...answer, table };
  context.terminal.out(options.output === 'json' ? `${JSON.stringify(shown, null, 2)}\n` : netText(shown, service === undefined));
}

export function netText(answer: NetAnswer, whole = true): string {
  const services = answer.table.length === 0 ? 'No Services.\n' : answer.table.map(serviceText).join('\n');
  if (!whole) return services;
  const { by, settled } = answer.services;
  const how = by.length === 0 ? 'nothing on this host' : `${by.join(' and ')}${settled ? '' : ' (not up to date yet)'}`;
  const facts = formatColumns(
    ['', ''],
    [
      ['Pod range:', answer.podRange],
      ['Service range:', answer.serviceRange],
      ['Domain:', answer.clusterDomain],
      ['Services by:', `${how}, on ${answer.node}`],
      ['Policies by:', policiesText(answer)],
    ],
    false,
  );
  const nodes = answer.nodes.map(({ node, state, podSubnet, address }) => [node, state, podSubnet === '' ? '<none>' : podSubnet, address]);
  return `${facts}\n${formatColumns(['Node', 'State', 'Pod subnet', 'Address'], nodes)}\n${services}`;
}

function policiesText({ node, policies: { by, count, selectedPods, trouble, gap } }: NetAnswer): string {
  if (count === 0) return 'no NetworkPolicies';
  if (by === '') return `nothing on ${node}: ${count} NetworkPolicies hold no traffic back for its pods`;
  const held = `${by}, ${selectedPods} pods of ${node} selected`;
  const said = gap === undefined ? held : `${held}; ${gap}`;
  return trouble === '' ? said : `${said}; NOT up to date: ${trouble}`;
}

function serviceText({ namespace, name, type, clusterIP, ports, troubles }: NetServiceRow): string {
  const rows = ports.flatMap(({ port, nodePort, endpoints }) => {
    const label = nodePort === undefined ? port : `${port} (node port ${nodePort})`;
    if (endpoints.length === 0) return [[`  ${label}`, '<none>', '', '', '', '']];
    return endpoints.map(({ address, node, pod, inRotation, why }, index) => [
      `  ${index === 0 ? label : ''}`,
      address,
      pod ?? '',
      node,
      inRotation ? 'in' : 'out',
      why,
    ]);
  });
  const table = rows.length === 0 ? '' : formatColumns(['  Port', 'Endpoint', 'Pod', 'Node', 'Rotation', 'Why'], rows);
  return `${namespace}/${name}  ${type}  ${clusterIP}\n${table}${troubles.map((trouble) => `  not here: ${trouble}\n`).join('')}`;
}
