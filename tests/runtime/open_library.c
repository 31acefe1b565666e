/* Opens a library from a program that links none of ours, as a plugin's or a script's host would: what lies beside the
   thread pointer (TLS of the initial-exec kind) has room for few words then. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

enum { most = 256 };
static int bad = 0, seen = 0;

static int visit(struct dl_phdr_info *info, size_t size, void *ignored) {
  (void)size, (void)ignored;
  if (!strstr(info->dlpi_name, "libburin")) return 0;
  ++seen;
  ElfW(Xword) tls = 0, flags = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];
    if (p->p_type == PT_TLS) tls = p->p_memsz;
    if (p->p_type == PT_DYNAMIC)
      for (const ElfW(Dyn) *d = (const ElfW(Dyn) *)(info->dlpi_addr + p->p_vaddr); d->d_tag != DT_NULL; ++d)
        if (d->d_tag == DT_FLAGS) flags = d->d_un.d_val;
  }
  if ((flags & DF_STATIC_TLS) && tls > most) {
    printf("%s: %lu bytes of static TLS; at most %d\n", info->dlpi_name, (unsigned long)tls, most);
    bad = 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2 || !dlopen(argv[1], RTLD_NOW | RTLD_LOCAL)) {
    printf("%s\n", argc == 2 ? dlerror() : "usage: open_library FILE");
    return 1;
  }
  dl_iterate_phdr(visit, NULL);
  return bad || !seen;
}
