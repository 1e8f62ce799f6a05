// SPDX-License-Identifier: MIT
// What coordd has used once, and needs no more.
//
// Most of what a peer occupies is its program and its libraries: pages of files, which all that run them
// share and the kernel may drop at any time. It maps sixteen of them around each one that is used, so what
// ran once (options, configuration, the setup of TLS) stays mapped for months. Unmapped, what is used comes
// back by itself, from the page cache; what is not used no longer counts. Where memory is short and the disk
// of the program stands still it comes back from that disk, and the peer waits for it: so it would have
// without this for what the kernel had dropped, which takes what was not used for long.
#pragma once

namespace coord::coordd {

// Cheap: some hundred pages are mapped again.
void spare_memory();

}  // namespace coord::coordd
