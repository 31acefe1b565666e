// Turns an Error into the exception class that its code names: the one place where a value becomes an exception.
// Stands in the frontend because nothing below it is compiled with exceptions.
#include <burin/error.h>

namespace burin {

void raise(Error e) {
  switch (e.code) {
    case ErrorCode::invalid_argument: throw InvalidArgument(std::move(e));
    case ErrorCode::trace: throw TraceError(std::move(e));
    case ErrorCode::unsupported: throw UnsupportedError(std::move(e));
    case ErrorCode::device: throw DeviceError(std::move(e));
    case ErrorCode::internal: break;
  }
  throw InternalError(std::move(e));
}

}  // namespace burin
