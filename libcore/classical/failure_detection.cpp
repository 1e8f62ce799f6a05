// SPDX-License-Identifier: MIT
#include "classical/failure_detection.hpp"

#include "classical/adapter.hpp"

namespace coord::classical {

Result<Swim::Core> Swim::make(const Setup& setup, const Given& given, const Durable* restored) {
  Core::Config config;
  config.self = setup.group.self;
  const std::uint64_t founders = given.number("founders");
  auto names = setup.group.nodes;
  if (founders != 0 && founders < names.size()) {
    names.resize(founders);
    config.contacts = names;
    if (setup.group.rank(config.self) >= founders) names.clear();
  }
  config.founders = std::make_shared<const std::vector<NodeId>>(std::move(names));
  config.seed = setup.seed;
  config.period = given.duration("period_ms");
  config.time_out = given.duration("time_out_ms");
  if (config.time_out >= config.period) {
    return Error{ErrorKind::usage, "time_out_ms", "is not less than period_ms",
                 "give less, so that helpers have the rest of the period"};
  }
  config.gossip = given.duration("gossip_ms");
  config.compare = given.duration("compare_ms");
  config.own_pause = 4 * config.period;
  config.helpers = given.number("helpers");
  config.stream_ping = given.flag("stream_ping");
  return Core(setup.now, config, restored ? std::optional(*restored) : std::nullopt);
}

std::optional<Told> Swim::told(const Core::Changed& what) {
  switch (what.member.state) {
    case membership::State::alive:
      return Trusted{what.node};
    case membership::State::suspect:
      return std::nullopt;
    case membership::State::dead:
    case membership::State::left:
      return Suspected{what.node};
  }
  return std::nullopt;
}

std::string Swim::state(const Core& core) {
  std::set<NodeId> gone;
  for (std::size_t place = 0; place < core.roster().size(); ++place) {
    const NodeId node = core.roster().at(place);
    if (!membership::is_present(core.roster().find(node)->state)) gone.insert(node);
  }
  return list("gone", gone);
}

std::vector<Algorithm> failure_detection() {
  return {algorithm<Detector<membership::Detector::Rule::time_out>>(),
          algorithm<Detector<membership::Detector::Rule::phi_normal>>(),
          algorithm<Detector<membership::Detector::Rule::phi_exponential>>(), algorithm<Swim>()};
}

}  // namespace coord::classical
