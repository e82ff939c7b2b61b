export async function readDicom() { throw new Error("later"); }
