import { FileAccessError } from "../errors.js";

const reasons: Readonly<Record<string, { readonly reason: FileAccessError["reason"]; readonly text: string }>> = {
  ENOENT: { reason: "missing", text: "there is no such file or folder. Check the path" },
  ENOTDIR: { reason: "missing", text: "a part of the path is not a folder. Check the path" },
  EISDIR: { reason: "other", text: "it is a folder, not a file" },
  EEXIST: { reason: "exists", text: "it exists already. Choose another path, or pass `overwrite: true`" },
  EACCES: { reason: "not-permitted", text: "permission was denied. Check the rights of the file and its folder" },
  EPERM: {
    reason: "not-permitted",
    text: "the operation is not permitted. Check the rights of the file and its folder",
  },
  EROFS: { reason: "not-permitted", text: "the file system is read-only" },
  ENOSPC: { reason: "disk-full", text: "the disk is full. Free some space and try again" },
  EDQUOT: { reason: "disk-full", text: "the disk quota is used up. Free some space and try again" },
  EFBIG: { reason: "disk-full", text: "the file is larger than the file system allows" },
};

/** Turns an error of the operating system into a {@link FileAccessError}. `doing` is a verb: "open", "write". */
export function fileAccessError(doing: string, path: string, cause: unknown): FileAccessError {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  const known = reasons[code];
  const text = known?.text ?? (cause instanceof Error ? cause.message : String(cause));
  return new FileAccessError(
    `Cannot ${doing} "${path}": ${text}.`,
    { path, reason: known?.reason ?? "other" },
    { cause },
  );
}
