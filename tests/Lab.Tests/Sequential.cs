// Every test here that boots a server takes a whole core: side by side they would only wait for each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
