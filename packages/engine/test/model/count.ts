/** How many sequences the model runs: a thousand, or as HOLDFAST_MODEL_SEQUENCES says. They are divided among two test files. */
export const SEQUENCES = Number(process.env["HOLDFAST_MODEL_SEQUENCES"] ?? 1_000);
/** For one sequence, on a machine that has much else to do. */
export const PATIENCE_MS = 2_000;
