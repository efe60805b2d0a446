// Package procedure decides what to do next: pure functions from what is wanted and what was just observed to one decision,
// following Microsoft's published procedures line by line; it knows no Kubernetes client, no PowerShell, no clock and no I/O.
//
// The two published pages are "Upgrade or update Front End Servers in Lync Server 2013" (JJ204736, quoted as FE) with its
// flowchart, and "Upgrade or update a Back End Server or Standard Edition server in Lync Server 2013" (JJ721942, quoted as
// BE). Quorum numbers come from "Topologies and components for Front End Servers, instant messaging, and presence in Lync
// Server 2013" (quoted as Topologies).
package procedure
