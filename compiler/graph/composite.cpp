// See composite.h.
#include "compiler/graph/composite.h"

namespace burin {
namespace {

constexpr std::string_view into = " > ", letters = "abcdefghijklmnopqrstuvwxyz0123456789_";

}  // namespace

std::string in_composite(std::string_view function, std::string_view composite) {
  return std::string(function) + std::string(into) + std::string(composite);
}

std::string_view composite_of(const SourceLine& line) {
  const std::size_t at = line.function.rfind(into);
  if (at == std::string_view::npos) return {};
  const std::string_view name = line.function.substr(at + into.size());
  return name.find_first_not_of(letters) == std::string_view::npos ? name : std::string_view();
}

void tell_as(Error& e, std::string_view composite) {
  const std::size_t end = e.message.find(':');
  if (composite.empty() || e.tag != "index-out-of-range" || end == std::string::npos) return;
  e.message.replace(0, end, composite);
}

}  // namespace burin
