// The algorithms for electing a leader, as dsim knows them.
#include <array>

#include "catalogue/families.hpp"
#include "catalogue/mutex_model.hpp"
#include "catalogue/runner.hpp"

namespace coord::catalogue {

namespace {

// Options: ttl_ms, of the lease; default 400.
template <bool herd>
struct LeaseRace {
  using Site = election::LeaseRace;
  static constexpr bool never_idle = false;
  static constexpr NodeId no_user{1};  // the store
  static Site make(const mutex::Membership& members, const Setup& setup) {
    const auto given = setup.options.find("ttl_ms");
    const auto ttl = std::chrono::milliseconds(given == setup.options.end() ? 400 : std::stol(given->second));
    return Site({members.self, no_user, ttl, herd});
  }
  static std::string_view type_of(const Site::Message& message) {
    static constexpr std::array<std::string_view, 5> names = {"join", "look", "leave", "kept", "notice"};
    return names[message.index()];
  }
  static std::string describe(const Site::Message& message) {
    const auto* kept = std::get_if<election::lease_race::Kept>(&message);
    if (kept != nullptr && kept->token != 0) return "kept, leads with token " + std::to_string(kept->token);
    return std::string(type_of(message));
  }
};

// Leases that need no renewal while it is measured, and all candidates waiting.
void long_leases(Setup& setup) {
  setup.options["ttl_ms"] = "100000000";
  setup.operations = 10 * (setup.nodes - 1);
}

template <bool herd>
Protocol lease_race() {
  Protocol p;
  p.stands.kinds = Stands::of_links();
  p.stands.lossy_links = true;
  p.least_nodes = 3;
  if (herd) {
    p.name = "lease-herd";
    p.summary = "a lease; when it is free all race for it (ZooKeeper 2010)";
    p.rules = {"lease_one_leader", "lease_counts_from_sending", "lease_token_counts"};
    p.theory = {{Theory::Measure::messages,
                 Load::together,
                 "N-2 are noticed and look for one to win",
                 [](std::size_t n) {
                   return Range{0, 2 * (static_cast<double>(n) - 2)};
                 },
                 {"notice", "look"},
                 long_leases}};
  } else {
    p.name = "lease-race";
    p.summary = "a lease; candidates in line, one is told (ZooKeeper 2010)";
    p.rules = {"lease_counts_from_sending", "lease_stops_before_the_store", "lease_token_counts"};
    p.theory = {{Theory::Measure::messages,
                 Load::together,
                 "one notice, one look",
                 [](std::size_t) {
                   return Range{1.5, 2};
                 },
                 {"notice", "look"},
                 long_leases}};
  }
  p.theory.push_back({Theory::Measure::hand_over,
                      Load::together,
                      "leave, notice, look, kept: 4T",
                      [](std::size_t n) {
                        return n > 3 ? Range{4, 4} : Range{4, 6};
                      },
                      {},
                      long_leases});
  return describe<MutexModel<LeaseRace<herd>>>(std::move(p));
}

}  // namespace

std::vector<Protocol> leader_election() {
  std::vector<Protocol> protocols = {bully(), lease_race<false>(), lease_race<true>()};
  for (Protocol& protocol : protocols) protocol.family = "leader election";
  return protocols;
}

}  // namespace coord::catalogue
