/** The id of every simulated cluster. */
export const CLUSTER = '0123456789abcdef';
