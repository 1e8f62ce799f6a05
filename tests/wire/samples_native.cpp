// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {

const Named<native::FromTool>& native_from_tool() {
  static const Named<native::FromTool> all = {
      {"get", native::Get{"jobs/a"}},
      {"put", native::Put{"jobs/a", std::string("one\0two", 7), 0x010203}},
      {"remove", native::Remove{"jobs/a", 7}},
      {"list", native::List{"jobs/"}},
      {"watch", native::Watch{"jobs/a"}},
      {"lock", native::Lock{SessionId{0x0102}, "nightly", std::chrono::seconds(30), false, "dlock alpha 77"}},
      {"unlock", native::Unlock{SessionId{0x0102}}},
  };
  return all;
}

const Named<native::ToTool>& native_to_tool() {
  static const Named<native::ToTool> all = {
      {"value", native::Value{true, 0x010203, "one"}},
      {"keys", native::Keys{{{"jobs/a", 7, 3}, {"jobs/b", 8, 0}}, true}},
      {"done", native::Done{9}},
      {"not", native::Not{true, 7}},
      {"queued", native::Queued{"nightly/1a2b"}},
      {"locked", native::Locked{Instant{} + std::chrono::seconds(1000)}},
      {"busy", native::Busy{}},
      {"unlocked", native::Unlocked{true}},
      {"cannot", native::Cannot{native::Cannot::Why::wrong, "it is no lock"}},
  };
  return all;
}

}  // namespace coord::samples
