import { existsSync, readdirSync } from "node:fs";

/** Where Debian's Chromium has its Vulkan loader, and SwiftShader, a driver that computes on the processor. */
const chromium = "/usr/lib/chromium";
const driver = `${chromium}/vk_swiftshader_icd.json`;

/**
 * Lets processes that are started from now on find a software GPU, where there is no driver of a real one. The loader of
 * libraries looks at its path as a process starts, so this is for configurations, not for tests.
 */
export function offerSoftwareGpu(): void {
  const drivers = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"].flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder) : [],
  );
  if (drivers.length > 0 || process.env.VK_ICD_FILENAMES !== undefined || !existsSync(driver)) return;
  process.env.VK_ICD_FILENAMES = driver;
  process.env.LD_LIBRARY_PATH = [process.env.LD_LIBRARY_PATH, chromium].filter(Boolean).join(":");
}
