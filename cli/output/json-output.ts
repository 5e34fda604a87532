import { Option } from 'commander';

/** `-o json`, of commands that have a table of their own: anything else is refused. */
export function jsonOutput(): Option {
  return new Option('-o, --output <format>', 'json').choices(['json']);
}
