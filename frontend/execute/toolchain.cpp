// libburin_compiler.so by path, its symbols, its build id and those of the libraries that it needs. See toolchain.h.
#include "frontend/execute/toolchain.h"

#include "frontend/execute/log.h"
#include "runtime/core/cpu_features.h"
#include "runtime/core/environment.h"
#include "runtime/core/file.h"
#include "runtime/core/fork.h"
#include "runtime/core/image.h"
#include "runtime/core/immortal.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <filesystem>
#include <link.h>
#include <mutex>
#include <optional>
#include <span>
#include <unistd.h>
#include <vector>

namespace burin::detail {
namespace {

std::string compiler_path() {
  const std::string& chosen = rt::environment().text(rt::Env::compiler_library);
  if (!chosen.empty()) return chosen;
  Dl_info info;
  std::string beside =
      dladdr(reinterpret_cast<const void*>(&compiler_path), &info) && info.dli_fname ? info.dli_fname : "";
  auto slash = beside.rfind('/');
  return (slash == std::string::npos ? "" : beside.substr(0, slash + 1)) + "libburin_compiler.so";
}

/// An ELF file of 64 bits as far as its program headers tell; anything missing or odd reads as nothing.
class Elf {
 public:
  explicit Elf(const std::string& path) : file_(rt::open_regular(path, /*follow=*/true, status_)) {
    if (!read(0, header_) || std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0) return;
    programs_.resize(header_.e_phnum);
    for (std::size_t i = 0; i < programs_.size(); ++i)
      if (!read(header_.e_phoff + i * sizeof(Elf64_Phdr), programs_[i])) programs_[i] = {};
  }

  /// The linker's build id; else size and time.
  std::string build_id() const {
    if (!file_) return "none";
    for (const Elf64_Phdr& p : programs_) {
      if (p.p_type != PT_NOTE) continue;
      const std::vector<std::uint8_t> notes = bytes(p.p_offset, p.p_filesz);
      for (std::size_t o = 0; o + sizeof(Elf64_Nhdr) <= notes.size();) {
        Elf64_Nhdr note;
        std::memcpy(&note, notes.data() + o, sizeof note);
        const std::size_t name = o + sizeof note, text = name + ((std::size_t{note.n_namesz} + 3) & ~std::size_t{3});
        if (text > notes.size() || note.n_descsz > notes.size() - text) break;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(notes.data() + name, "GNU", 4) == 0)
          return hex({notes.data() + text, note.n_descsz});
        o = text + ((std::size_t{note.n_descsz} + 3) & ~std::size_t{3});
      }
    }
    return "size " + std::to_string(status_.st_size) + ", time " + std::to_string(status_.st_mtim.tv_sec) + "." +
           std::to_string(status_.st_mtim.tv_nsec);
  }

  /// The texts of the dynamic section's entries of a kind: DT_NEEDED, DT_RUNPATH.
  std::vector<std::string> texts(Elf64_Sxword tag) const {
    std::vector<std::string> list;
    for (const Elf64_Phdr& p : programs_) {
      if (p.p_type != PT_DYNAMIC) continue;
      const std::vector<std::uint8_t> raw = bytes(p.p_offset, p.p_filesz);
      std::vector<Elf64_Dyn> entries(raw.size() / sizeof(Elf64_Dyn));
      if (!entries.empty()) std::memcpy(entries.data(), raw.data(), entries.size() * sizeof(Elf64_Dyn));
      std::uint64_t strings = 0;
      for (const Elf64_Dyn& d : entries)
        if (d.d_tag == DT_STRTAB) strings = in_file(d.d_un.d_ptr);
      for (const Elf64_Dyn& d : entries)
        if (d.d_tag == tag && strings != 0) {
          std::vector<std::uint8_t> text = bytes(strings + d.d_un.d_val, 1024);
          text.push_back(0);
          list.emplace_back(reinterpret_cast<const char*>(text.data()));
        }
    }
    return list;
  }

 private:
  template <class T> bool read(std::uint64_t at, T& out) const {
    return file_ && ::pread(file_.descriptor(), &out, sizeof out, static_cast<off_t>(at)) == ssize_t{sizeof out};
  }
  /// Where the bytes of an address stand in the file; 0: nowhere.
  std::uint64_t in_file(std::uint64_t address) const {
    for (const Elf64_Phdr& p : programs_)
      if (p.p_type == PT_LOAD && address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz)
        return p.p_offset + (address - p.p_vaddr);
    return 0;
  }
  std::vector<std::uint8_t> bytes(std::uint64_t at, std::uint64_t size) const {
    std::vector<std::uint8_t> b(std::min<std::uint64_t>(size, 1 << 20));
    const ssize_t n = file_ ? ::pread(file_.descriptor(), b.data(), b.size(), static_cast<off_t>(at)) : 0;
    b.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return b;
  }

  struct stat status_{};
  rt::File file_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> programs_;
};

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash);
}

// Where the dynamic linker looks for the libraries of a library, as dlopen(3) has it: LD_LIBRARY_PATH, the library's own run
// path, the system's folders. The linker tells the first and the last of this library, which are the same for all; glibc leaves
// out what each is, so they are told apart by this library's own run path between them, which is its folder.
std::vector<std::string> search_folders(const std::string& library, const Elf& elf) {
  std::vector<std::string> first, last;
  Dl_info info;
  void* self = dladdr(reinterpret_cast<const void*>(&search_folders), &info)
                   ? dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD)
                   : nullptr;
  Dl_serinfo size{};
  if (self && dlinfo(self, RTLD_DI_SERINFOSIZE, &size) == 0) {
    std::vector<std::uint64_t> room(size.dls_size / sizeof(std::uint64_t) + 1);
    auto* all = reinterpret_cast<Dl_serinfo*>(room.data());
    all->dls_size = size.dls_size;
    all->dls_cnt = size.dls_cnt;
    if (dlinfo(self, RTLD_DI_SERINFO, all) == 0)
      for (bool behind = false; const Dl_serpath& p : std::span(all->dls_serpath, all->dls_cnt)) {
        std::error_code none;
        const bool own = !behind && std::filesystem::equivalent(p.dls_name, folder_of(info.dli_fname), none);
        if (own) behind = true;
        else (behind ? last : first).emplace_back(p.dls_name);
      }
  }
  if (self) dlclose(self);
  for (const std::string& path : elf.texts(DT_RUNPATH))
    for (std::size_t at = 0; at <= path.size();) {
      const std::size_t end = std::min(path.find(':', at), path.size());
      std::string folder = path.substr(at, end - at);
      if (folder.starts_with("$ORIGIN")) folder = folder_of(library) + folder.substr(7);
      if (!folder.empty()) first.push_back(std::move(folder));
      at = end + 1;
    }
  first.insert(first.end(), last.begin(), last.end());
  return first;
}

// The build id of a library that the compiler needs: of the one that is loaded, else of the one that would be.
std::string build_id_of(const std::string& name, const std::vector<std::string>& folders) {
  if (void* loaded = dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD)) {
    link_map* map = nullptr;
    const bool known = dlinfo(loaded, RTLD_DI_LINKMAP, &map) == 0;
    const std::string path = known ? map->l_name : "";
    dlclose(loaded);
    if (known) return Elf(path).build_id();
  }
  for (const std::string& folder : folders)
    if (std::string path = folder + "/" + name; ::access(path.c_str(), R_OK) == 0) return Elf(path).build_id();
  return "unknown";
}

}  // namespace

Result<const compiler::Api*> open_compiler() {
  static std::mutex mutex;  // fork() waits for the work around
  static const compiler::Api* api = nullptr;
  if (rt::forked_during_work())
    return Error{ErrorCode::unsupported, "this process was forked while another thread compiled, and cannot compile",
                 "forked", "", "compile before fork(), or call exec after it"};
  std::lock_guard lock(mutex);
  if (api) return api;
  std::string path = compiler_path();
  auto missing = [&](const std::string& why) {
    return Error{ErrorCode::unsupported, "the compiler library " + path + " cannot be used: " + why, "no-compiler", "",
                 "install it beside libburin.so, set BURIN_COMPILER_LIBRARY, or call at level graph"};
  };
  Elapsed elapsed;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return missing(dlerror());
  auto close = [&](std::string why) {  // so that the right one is opened once it stands there
    dlclose(library);
    return missing(std::move(why));
  };
  auto entry = reinterpret_cast<const compiler::Api* (*)(std::uint32_t)>(dlsym(library, "burin_compiler_api"));
  if (!entry) return close("it has no burin_compiler_api");
  api = entry(compiler::api_version);
  if (!api) return close("it is of another version");
  log_to(Log::compile, Severity::info, [&] { return "opened " + path + " in " + elapsed.text(); });
  return api;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string s;
  for (auto b : bytes) {
    s += "0123456789abcdef"[b >> 4];
    s += "0123456789abcdef"[b & 15];
  }
  return s;
}

const std::string& toolchain_text() {
  static constinit rt::Immortal<const std::string> text;
  return text.get([] {
    const std::string path = compiler_path();
    const Elf elf(path);
    std::string s = "compiler=" + elf.build_id() + "\n";
    const std::vector<std::string> folders = search_folders(path, elf);
    for (const std::string& needed :
         elf.texts(DT_NEEDED))  // burin's own change with the compiler, the system's do not matter
      if (needed.starts_with("libLLVM") || needed.starts_with("libMLIR"))
        s += needed + "=" + build_id_of(needed, folders) + "\n";
    s += "abi=" + std::to_string(BURIN_RT_ABI_VERSION) + "." + std::to_string(BURIN_RT_FUNCTIONS_VERSION) +
         "\nimage=" + std::to_string(rt::image_version) + "\ncpu=" + std::string(rt::architecture()) + ":";
    for (auto f : rt::cpu_features()) s += std::string(f) + ",";
    return s + "\n";
  });
}

}  // namespace burin::detail
