// What the service warned of when a job was submitted or a schedule added from here, by its id: told where it is shown.

export const warnings = new Map();
