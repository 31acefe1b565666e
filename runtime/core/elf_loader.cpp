// The loader in four steps: read the section table, lay the sections out by permission, resolve symbols, relocate.
// Offsets and counts are compared with the bytes there before each use; sums are bounded so that no small file can ask for
// much memory or time. Reference: System V ABI, AMD64 supplement, §4.4.
#include "runtime/core/elf_loader.h"

#include "runtime/core/perf_map.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

namespace burin::rt {
namespace {

enum Region : std::uint8_t { text, constants, data, num_regions };

constexpr std::uint64_t stub_size = 16;       // jmp *slot(%rip), padded
constexpr std::uint64_t most_bss = 16 << 20;  // our compiler makes none; a file must not ask for much
constexpr std::uint64_t longest_name = 4096;
constexpr std::uint64_t most_mapped = std::uint64_t{1} << 30;  // keeps all distances within 32 bits

LoadError corrupt(std::string what) { return {BURIN_RT_CORRUPT, "object: " + std::move(what)}; }
LoadError unsupported(std::string what) { return {BURIN_RT_UNSUPPORTED, "object: " + std::move(what)}; }
std::string number(std::uint64_t n) { return std::to_string(n); }

void* outside(std::string_view name) {
  if (name == "memcpy") return reinterpret_cast<void*>(&::memcpy);
  if (name == "memmove") return reinterpret_cast<void*>(&::memmove);
  if (name == "memset") return reinterpret_cast<void*>(&::memset);
  if (name == "memcmp") return reinterpret_cast<void*>(&::memcmp);
  return nullptr;
}

std::uint64_t page_size() { return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)); }
std::uint64_t align_up(std::uint64_t n, std::uint64_t to) { return (n + to - 1) / to * to; }

struct Section {
  Elf64_Shdr header;
  bool mapped = false;
  Region region = text;
  std::uint64_t offset = 0;  // in the mapping
};

struct Symbol {
  Elf64_Sym entry;
  bool defined = false;
  bool used = false;          // by a relocation: an unused undefined symbol, which compilers leave, is no matter
  std::uint64_t address = 0;  // final; of what lies outside: the real function
  std::uint32_t slot = 0;     // 1 + index into the table of addresses, 0 = none
  std::uint32_t stub = 0;     // likewise into the stubs
};

}  // namespace

/// One load; its members are the state between the steps.
class ElfLoader {
 public:
  ElfLoader(std::span<const std::uint8_t> elf, LoadedObject& object) : elf_(elf), object_(object) {}

  LoadError run() {
    if (LoadError e = read_sections()) return e;
    if (LoadError e = read_symbols()) return e;
    if (LoadError e = for_each_relocation(&ElfLoader::reserve)) return e;
    if (LoadError e = map()) return e;
    if (LoadError e = resolve()) return e;
    if (LoadError e = for_each_relocation(&ElfLoader::relocate)) return e;
    return protect();
  }

 private:
  using Relocation = LoadError (ElfLoader::*)(const Section&, const Elf64_Rela&, Symbol&);

  bool within(std::uint64_t offset, std::uint64_t size) const {
    return offset <= elf_.size() && size <= elf_.size() - offset;
  }
  template <class T> T read(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, elf_.data() + offset, sizeof value);
    return value;
  }
  // The terminated string at `at` of the string section `table`; false where there is none or it is too long.
  bool string_at(const Elf64_Shdr& table, std::uint64_t at, std::string_view& out) const {
    if (at >= table.sh_size) return false;
    const char* from = reinterpret_cast<const char*>(elf_.data() + table.sh_offset + at);
    const void* end = std::memchr(from, 0, std::min(table.sh_size - at, longest_name + 1));
    if (!end) return false;
    out = {from, static_cast<std::size_t>(static_cast<const char*>(end) - from)};
    return true;
  }
  bool is_strings(std::uint32_t index) const {
    return index < sections_.size() && sections_[index].header.sh_type == SHT_STRTAB;
  }

  LoadError read_sections() {
    if (!within(0, sizeof(Elf64_Ehdr))) return corrupt("shorter than an ELF header");
    auto h = read<Elf64_Ehdr>(0);
    if (std::memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 ||
        h.e_ident[EI_DATA] != ELFDATA2LSB)
      return corrupt("not a 64-bit little-endian ELF file");
    if (h.e_type != ET_REL) return corrupt("not a relocatable object");
#if defined(__x86_64__)
    if (h.e_machine != EM_X86_64) return unsupported("made for machine " + number(h.e_machine) + ", not x86-64");
#else
    return unsupported("objects can be loaded on x86-64 only");
#endif
    if (h.e_shentsize != sizeof(Elf64_Shdr) || h.e_shnum == 0) return corrupt("no section table");
    if (!within(h.e_shoff, std::uint64_t{h.e_shnum} * sizeof(Elf64_Shdr)))
      return corrupt("its section table lies outside it");
    sections_.resize(h.e_shnum);
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      Section& s = sections_[i];
      s.header = read<Elf64_Shdr>(h.e_shoff + i * sizeof(Elf64_Shdr));
      if (i != 0 && s.header.sh_type != SHT_NULL && s.header.sh_type != SHT_NOBITS &&
          !within(s.header.sh_offset, s.header.sh_size))
        return corrupt("section " + number(i) + " lies outside it");
    }
    if (!is_strings(h.e_shstrndx)) return corrupt("no table of section names");
    std::uint64_t bytes = 0, bss = 0;
    for (std::size_t i = 1; i < sections_.size(); ++i)
      if (LoadError e = place(i, sections_[h.e_shstrndx].header, bytes, bss)) return e;
    return {};
  }

  // Decides whether and where section `i` is mapped; `bytes` and `bss` sum what they take.
  LoadError place(std::size_t i, const Elf64_Shdr& names, std::uint64_t& bytes, std::uint64_t& bss) {
    Section& s = sections_[i];
    const Elf64_Shdr& h = s.header;
    if (!(h.sh_flags & SHF_ALLOC)) return {};
    std::string_view name;
    if (!string_at(names, h.sh_name, name))
      return corrupt("the name of section " + number(i) + " lies outside its table");
    switch (h.sh_type) {
      case SHT_PROGBITS:
      case SHT_NOBITS: break;
      case SHT_NOTE:
      case SHT_X86_64_UNWIND: return {};  // compiled code never unwinds
      default: return unsupported("section " + std::string(name) + " has type " + number(h.sh_type));
    }
    if (name == ".eh_frame") return {};
    if (h.sh_flags & SHF_TLS) return unsupported("thread-local data");
    if (h.sh_flags & SHF_COMPRESSED) return unsupported("compressed sections");
    if ((h.sh_flags & SHF_WRITE) && (h.sh_flags & SHF_EXECINSTR)) return unsupported("writable code");
    if (h.sh_addralign > 1 && !std::has_single_bit(h.sh_addralign))
      return corrupt("section " + std::string(name) + " has an alignment that is no power of two");
    if (h.sh_addralign > page_size())
      return unsupported("section " + std::string(name) + " wants more than a page's alignment");
    std::uint64_t& sum = h.sh_type == SHT_NOBITS ? bss : bytes;
    if (h.sh_size > most_mapped) return corrupt("section " + std::string(name) + " is too large");
    sum += h.sh_size;
    if (bytes > elf_.size()) return corrupt("its sections overlap");
    if (bss > most_bss) return unsupported("more than " + number(most_bss) + " bytes of zeroed data");

    s.mapped = true;
    s.region = (h.sh_flags & SHF_EXECINSTR) ? text : (h.sh_flags & SHF_WRITE) ? data : constants;
    std::uint64_t& end = ends_[s.region];
    end = align_up(end, std::max<std::uint64_t>(h.sh_addralign, 1));
    s.offset = end;
    end += h.sh_size;
    return end > most_mapped ? unsupported("too large") : LoadError{};
  }

  LoadError read_symbols() {
    const Section* table = nullptr;
    for (std::size_t i = 1; i < sections_.size(); ++i) {
      if (sections_[i].header.sh_type != SHT_SYMTAB) continue;
      if (table) return corrupt("two symbol tables");
      table = &sections_[i];
      symbol_table_ = static_cast<std::uint32_t>(i);
    }
    if (!table) return corrupt("no symbol table");
    const Elf64_Shdr& h = table->header;
    if (h.sh_entsize != sizeof(Elf64_Sym) || h.sh_size % sizeof(Elf64_Sym) != 0 || !is_strings(h.sh_link))
      return corrupt("malformed symbol table");
    strings_ = sections_[h.sh_link].header;
    symbols_.resize(h.sh_size / sizeof(Elf64_Sym));
    for (std::size_t i = 0; i < symbols_.size(); ++i) {
      Symbol& s = symbols_[i];
      s.entry = read<Elf64_Sym>(h.sh_offset + i * sizeof(Elf64_Sym));
      const std::uint16_t section = s.entry.st_shndx;
      if (section == SHN_UNDEF || section == SHN_ABS) {
        s.defined = section == SHN_ABS;
      } else if (section >= SHN_LORESERVE) {
        return unsupported("symbol " + number(i) + " lies in special section " + number(section));
      } else if (section >= sections_.size()) {
        return corrupt("symbol " + number(i) + " names no section");
      } else {
        int type = ELF64_ST_TYPE(s.entry.st_info);
        if (type == STT_TLS || type == STT_GNU_IFUNC)
          return unsupported("symbol " + number(i) + " has type " + number(static_cast<std::uint64_t>(type)));
        const Section& in = sections_[section];
        s.defined = in.mapped;
        if (in.mapped && s.entry.st_value > in.header.sh_size)
          return corrupt("symbol " + number(i) + " lies outside its section");
        if (in.mapped && s.entry.st_size > in.header.sh_size - s.entry.st_value)
          return corrupt("symbol " + number(i) + " ends outside its section");
      }
    }
    return {};
  }

  LoadError for_each_relocation(Relocation visit) {
    std::uint64_t sum = 0;
    for (std::size_t i = 1; i < sections_.size(); ++i) {
      const Elf64_Shdr& h = sections_[i].header;
      if (h.sh_type == SHT_REL) return unsupported("relocations without addends");
      if (h.sh_type != SHT_RELA) continue;
      if (h.sh_info >= sections_.size() || h.sh_entsize != sizeof(Elf64_Rela) || h.sh_size % sizeof(Elf64_Rela) != 0 ||
          h.sh_link != symbol_table_)
        return corrupt("malformed relocation section " + number(i));
      const Section& target = sections_[h.sh_info];
      if (!target.mapped) continue;  // debug information, unwind tables
      sum += h.sh_size;
      if (sum > elf_.size()) return corrupt("its relocation sections overlap");
      for (std::uint64_t at = 0; at < h.sh_size; at += sizeof(Elf64_Rela)) {
        auto r = read<Elf64_Rela>(h.sh_offset + at);
        if (ELF64_R_SYM(r.r_info) >= symbols_.size()) return corrupt("a relocation names no symbol");
        if (LoadError e = (this->*visit)(target, r, symbols_[ELF64_R_SYM(r.r_info)])) return e;
      }
    }
    return {};
  }

  // First walk: refuses what is unknown and counts the address slots and stubs that are needed.
  LoadError reserve(const Section& target, const Elf64_Rela& r, Symbol& s) {
    if (ELF64_R_SYM(r.r_info) == 0 && ELF64_R_TYPE(r.r_info) != R_X86_64_NONE)
      return corrupt("a relocation names no symbol");
    s.used = true;
    std::uint64_t width = 4;
    switch (ELF64_R_TYPE(r.r_info)) {
      case R_X86_64_NONE: return {};
      case R_X86_64_64:
      case R_X86_64_PC64: width = 8; break;
      case R_X86_64_PC32:
      case R_X86_64_PLT32:
        if (!s.defined && s.stub == 0) s.stub = ++num_stubs_;
        if (!s.defined && s.slot == 0) s.slot = ++num_slots_;
        break;
      case R_X86_64_GOTPCREL:
      case R_X86_64_GOTPCRELX:
      case R_X86_64_REX_GOTPCRELX:
        if (s.slot == 0) s.slot = ++num_slots_;
        break;
      case R_X86_64_32:
      case R_X86_64_32S: break;
      default: return unsupported("relocation type " + number(ELF64_R_TYPE(r.r_info)));
    }
    if (r.r_offset > target.header.sh_size || width > target.header.sh_size - r.r_offset)
      return corrupt("a relocation lies outside its section");
    return {};
  }

  LoadError map() {
    stubs_ = align_up(ends_[text], stub_size);
    ends_[text] = stubs_ + num_stubs_ * stub_size;
    slots_ = align_up(ends_[constants], 8);
    ends_[constants] = slots_ + num_slots_ * std::uint64_t{8};
    std::uint64_t total = 0;
    for (std::size_t r = 0; r < num_regions; ++r) {
      starts_[r] = total;
      total += align_up(ends_[r], page_size());
    }
    if (total == 0) return corrupt("nothing to map");
    if (total > most_mapped) return unsupported("too large");
    void* base = ::mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
      return {BURIN_RT_OUT_OF_MEMORY, "object: no memory for " + number(total) + " bytes of code"};
    object_.base_ = base;
    object_.size_ = total;
    for (Section& s : sections_) {
      if (!s.mapped) continue;
      s.offset += starts_[s.region];
      if (s.header.sh_type == SHT_PROGBITS && s.header.sh_size != 0)
        std::memcpy(memory() + s.offset, elf_.data() + s.header.sh_offset, s.header.sh_size);
    }
    stubs_ += starts_[text];
    slots_ += starts_[constants];
    return {};
  }

  LoadError resolve() {
    PerfMap perf;
    std::uint64_t names = 0;
    for (std::size_t i = 1; i < symbols_.size(); ++i) {
      Symbol& s = symbols_[i];
      std::string_view name;
      if (!string_at(strings_, s.entry.st_name, name))
        return corrupt("the name of symbol " + number(i) + " lies outside its table");
      if (s.entry.st_shndx == SHN_ABS) {
        s.address = s.entry.st_value;
      } else if (s.defined) {
        s.address = address_of(sections_[s.entry.st_shndx].offset + s.entry.st_value);
        if (ELF64_ST_TYPE(s.entry.st_info) == STT_FUNC) perf.add(s.address, s.entry.st_size, name);
        if (ELF64_ST_BIND(s.entry.st_info) == STB_LOCAL) continue;
        names += name.size();
        if (names > elf_.size()) return corrupt("its symbols' names overlap");
        object_.symbols_.emplace(name, reinterpret_cast<void*>(s.address));
      } else if (s.entry.st_shndx == SHN_UNDEF && s.used) {
        s.address = reinterpret_cast<std::uint64_t>(outside(name));
        if (s.address == 0) return unsupported("it needs \"" + std::string(name) + "\", which is not offered");
      }
    }
    for (Symbol& s : symbols_) {
      if (s.slot) std::memcpy(memory() + slot_of(s), &s.address, sizeof s.address);
      if (s.stub) {
        std::uint8_t jump[stub_size] = {0xff, 0x25, 0,    0,    0,    0,    0xcc, 0xcc,
                                        0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc};
        auto distance = static_cast<std::int32_t>(slot_of(s) - (stub_of(s) + 6));
        std::memcpy(jump + 2, &distance, sizeof distance);
        std::memcpy(memory() + stub_of(s), jump, sizeof jump);
      }
    }
    return {};
  }

  // Second walk. All arithmetic is modulo 2^64, as the ABI has it; what must fit 32 bits is checked.
  LoadError relocate(const Section& target, const Elf64_Rela& r, Symbol& s) {
    std::uint32_t type = ELF64_R_TYPE(r.r_info);
    if (type == R_X86_64_NONE) return {};
    if (!s.defined && s.entry.st_shndx != SHN_UNDEF)
      return unsupported("a relocation refers to a section that is not mapped");
    const std::uint64_t place = target.offset + r.r_offset, here = address_of(place);
    std::uint64_t value = s.address + static_cast<std::uint64_t>(r.r_addend);
    switch (type) {
      case R_X86_64_64: return store(place, value);
      case R_X86_64_PC64: return store(place, value - here);
      case R_X86_64_32:
        if (value > std::numeric_limits<std::uint32_t>::max())
          return unsupported("a 32-bit absolute address: it was not made position independent");
        return store(place, static_cast<std::uint32_t>(value));
      case R_X86_64_32S:
        if (!fits(value)) return unsupported("a 32-bit absolute address: it was not made position independent");
        return store(place, static_cast<std::uint32_t>(value));
      case R_X86_64_PC32:
      case R_X86_64_PLT32:
        if (s.stub) value = address_of(stub_of(s)) + static_cast<std::uint64_t>(r.r_addend);
        break;
      default:  // through the table of addresses
        value = address_of(slot_of(s)) + static_cast<std::uint64_t>(r.r_addend);
    }
    value -= here;
    if (!fits(value)) return corrupt("a relative address does not fit 32 bits");
    return store(place, static_cast<std::uint32_t>(value));
  }

  LoadError protect() {
    constexpr int permissions[] = {PROT_READ | PROT_EXEC, PROT_READ};  // data stays writable
    for (std::size_t r = 0; r < std::size(permissions); ++r)
      if (ends_[r] != 0 && ::mprotect(memory() + starts_[r], align_up(ends_[r], page_size()), permissions[r]) != 0)
        return {BURIN_RT_UNSUPPORTED, "object: this system does not allow memory to become executable"};
    return {};
  }

  static bool fits(std::uint64_t v) { return static_cast<std::int64_t>(v) == static_cast<std::int32_t>(v); }
  std::uint8_t* memory() const { return static_cast<std::uint8_t*>(object_.base_); }
  std::uint64_t address_of(std::uint64_t offset) const {
    return reinterpret_cast<std::uint64_t>(object_.base_) + offset;
  }
  std::uint64_t slot_of(const Symbol& s) const { return slots_ + (s.slot - 1) * std::uint64_t{8}; }
  std::uint64_t stub_of(const Symbol& s) const { return stubs_ + (s.stub - 1) * stub_size; }
  template <class T> LoadError store(std::uint64_t offset, T value) {
    std::memcpy(memory() + offset, &value, sizeof value);
    return {};
  }

  std::span<const std::uint8_t> elf_;
  LoadedObject& object_;
  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
  std::uint32_t symbol_table_ = 0;
  Elf64_Shdr strings_{};
  std::array<std::uint64_t, num_regions> starts_{}, ends_{};
  std::uint64_t stubs_ = 0, slots_ = 0;
  std::uint32_t num_stubs_ = 0, num_slots_ = 0;
};

LoadedObject& LoadedObject::operator=(LoadedObject&& o) noexcept {
  std::swap(base_, o.base_);
  std::swap(size_, o.size_);
  symbols_.swap(o.symbols_);
  return *this;
}

LoadedObject::~LoadedObject() {
  if (base_) ::munmap(base_, size_);
}

LoadError LoadedObject::load(std::span<const std::uint8_t> elf, LoadedObject& object) {
  LoadedObject made;
  if (LoadError e = ElfLoader(elf, made).run()) return e;
  object = std::move(made);
  return {};
}

void* LoadedObject::symbol(std::string_view name) const {
  auto it = symbols_.find(name);
  return it == symbols_.end() ? nullptr : it->second;
}

}  // namespace burin::rt
