// SPDX-License-Identifier: MIT
// The algorithms for electing a leader, as dsim knows them.
#include "catalogue/families.hpp"
#include "catalogue/mutex_model.hpp"
#include "catalogue/runner.hpp"

namespace coord::catalogue {

namespace {

// Options: ttl_ms, of the lease.
template <bool herd>
struct Lease {
  using Algorithm = classical::Lease<herd>;
  static constexpr NodeId no_user{1};  // the store
  static Options options(const Setup& setup, bool) {
    const auto given = setup.options.find("ttl_ms");
    return given == setup.options.end() ? Options{} : Options{*given};
  }
};

// Leases that need no renewal while it is measured, and all candidates waiting.
void long_leases(Setup& setup) {
  setup.options["ttl_ms"] = "100000000";
  setup.operations = 10 * (setup.nodes - 1);
}

template <bool herd>
Protocol lease_race() {
  Protocol p = named(classical::Lease<herd>::identity);
  p.stands.kinds = Stands::of_links();
  p.stands.lossy_links = true;
  if (herd) {
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
  return describe<MutexModel<Lease<herd>>>(std::move(p));
}

}  // namespace

std::vector<Protocol> leader_election() {
  std::vector<Protocol> protocols = {bully(), lease_race<false>(), lease_race<true>()};
  for (Protocol& protocol : protocols) protocol.family = "leader election";
  return protocols;
}

}  // namespace coord::catalogue
