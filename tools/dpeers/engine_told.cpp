// SPDX-License-Identifier: MIT
#include "dpeers/engine_told.hpp"

#include <string_view>

namespace coord::dpeers {

// "leader: ADDRESS" and "endpoint: ADDRESS STATE[ WHY]", as daemon_engine.cpp says them.
EngineTold told_of_engine(const std::string& name, const local::Peers& answer) {
  constexpr std::string_view leader = "leader: ", endpoint = "endpoint: ";
  EngineTold told;
  for (const auto& [peer, text] : answer.troubles) {
    if (peer != name) continue;
    if (text.starts_with(leader)) told.leader = text.substr(leader.size());
    if (!text.starts_with(endpoint)) continue;
    const std::string rest = text.substr(endpoint.size());
    const std::size_t state = rest.find(' ');
    if (state == std::string::npos) continue;
    const std::size_t why = rest.find(' ', state + 1);
    told.endpoints.push_back({rest.substr(0, state),
                              rest.substr(state + 1, why == std::string::npos ? why : why - state - 1),
                              why == std::string::npos ? "" : rest.substr(why + 1)});
  }
  return told;
}

}  // namespace coord::dpeers
