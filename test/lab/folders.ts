/** All that labs write is below. */
export const LABS_FOLDER = '/var/tmp/kith-lab';
