// SPDX-License-Identifier: MIT
// Where coordd is built without engines (COORD_PARTS=members): all that others ask of this layer, and it
// says so.
#include <memory>
#include <string>

#include "engines/driver.hpp"
#include "engines/native.hpp"
#include "engines/native_redlock.hpp"

namespace coord::engines {
namespace {

Error none() {
  return Error{ErrorKind::usage, "--engine", "this coordd was built without engines",
               "build it with -DCOORD_PARTS=all"};
}

}  // namespace

Result<std::unique_ptr<Driver>> Driver::open(boost::asio::io_context&, Settings, Told) {
  return none();
}

Result<std::unique_ptr<Driver>> Driver::open_native(boost::asio::io_context&, Settings, MakeNative, Native,
                                                    Told) {
  return none();
}

std::string native_lacks(EngineUrl::Kind, const native::FromTool&) {
  return none().text();
}

std::unique_ptr<Adapter> make_native_adapter(EngineUrl::Kind, bool, Access, std::string,
                                             std::shared_ptr<NativeJob>) {
  COORD_CHECK(!"open_native() has said that there is none");
  return nullptr;
}

// Asked for what native_lacks() has refused: nobody does.
std::unique_ptr<Driver> open_redlock(boost::asio::io_context&, const Settings&, std::shared_ptr<NativeJob>,
                                     Driver::Native, Driver::Told) {
  COORD_CHECK(!"native_lacks() has said that there is none");
  return nullptr;
}

}  // namespace coord::engines
