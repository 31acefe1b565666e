// The text of an Error. It becomes an exception in frontend/ only.
#include <burin/error.h>

namespace burin {

std::string Error::text() const {
  std::string s = message;
  if (!tag.empty()) s += " [" + tag + "]";
  if (!where.empty()) s += "\n  " + where;
  if (!hint.empty()) s += "\n  hint: " + hint;
  return s;
}

}  // namespace burin
