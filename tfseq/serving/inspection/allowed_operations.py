"""The operations that an export may hold: computation in memory, and no other effect.

Listed by name, not by what they lack: an operation that TensorFlow adds tomorrow is not in it.
"""

_ARITHMETIC = """
    Abs Acos Acosh Add AddN AddV2 All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BatchMatMul
    BatchMatMulV2 BatchMatMulV3 BiasAdd BitwiseAnd BitwiseOr BitwiseXor Bucketize Cast Ceil
    ClipByValue Cos Cosh Cumprod Cumsum CumulativeLogsumexp DenseBincount DivNoNan Div Einsum Elu
    Equal Erf Erfc Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual Invert IsFinite IsInf
    IsNan LeakyRelu LeftShift Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr
    MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan Neg NotEqual Pow Prod RealDiv Reciprocal
    Relu Relu6 RightShift Rint Round Rsqrt SegmentMax SegmentMean SegmentMin SegmentSum
    SegmentSumV2 Selu Sigmoid Sign Sin Sinh Softmax SoftmaxCrossEntropyWithLogits Softplus Softsign
    SparseSoftmaxCrossEntropyWithLogits Sqrt Square SquaredDifference Sub Sum Tan Tanh TruncateDiv
    TruncateMod UnsortedSegmentMax UnsortedSegmentSum Xdivy Xlogy
"""
_ARRAYS = """
    BroadcastArgs BroadcastTo Concat ConcatOffset ConcatV2 Const EnsureShape ExpandDims Fill
    FusedBatchNormV3 Gather GatherNd GatherV2  Identity IdentityN InTopKV2
    InvertPermutation LinSpace LowerBound OneHot OnesLike Pack Pad PadV2 Placeholder
    PlaceholderWithDefault PreventGradient Range Rank Reshape Reverse ReverseSequence ReverseV2
    Roll ScatterNd  Select SelectV2 Shape ShapeN Size Slice Snapshot Split SplitV
    Squeeze StopGradient StridedSlice TensorScatterAdd TensorScatterUpdate Tile TopK TopKV2
    Transpose Unique UniqueV2 UniqueWithCounts Unpack UpperBound Where ZerosLike
"""
_TEXT = """
    AsString CaseFoldUTF8 DecodePaddedRaw NormalizeUTF8 ReduceJoin RegexFullMatch RegexReplace
    StaticRegexFullMatch StaticRegexReplace StringJoin StringLength StringLower StringSplitV2
    StringStrip StringToNumber StringUpper Substr UnicodeDecode UnicodeDecodeWithOffsets
    UnicodeEncode UnicodeScript UnicodeTranscode UnsortedSegmentJoin
"""
# Of subwords: the model is an attribute, and no file.
_SUBWORDS = "SentencepieceOp SentencepieceTokenizeOp"
_RAGGED = """
    RaggedGather RaggedRange RaggedTensorToSparse RaggedTensorToTensor SparseToDense
"""
# Random numbers from a seed that is given, with no state.
_RANDOM = """
    StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomNormal
    StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformFullIntV2
    StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformV2
"""
_CONTROL = """
    Case If NoOp PartitionedCall StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile
    While
"""
_LISTS = """
    EmptyTensorList TensorListConcatV2 TensorListElementShape TensorListFromTensor
    TensorListGather TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack
    TensorListReserve TensorListResize TensorListSetItem TensorListSplit TensorListStack
"""
# Weights and lookup tables of this one model.
_RESOURCES = """
    AssignVariableOp DisableCopyOnRead HashTableV2 LookupTableFindV2 LookupTableImportV2
    LookupTableSizeV2 ReadVariableOp ResourceGather VarHandleOp VarIsInitializedOp VariableShape
"""

#: Names of operations that may stand anywhere in an export's graph and functions.
ALLOWED_OPERATIONS = frozenset(
    " ".join(
        [_ARITHMETIC, _ARRAYS, _TEXT, _SUBWORDS, _RAGGED, _RANDOM, _CONTROL, _LISTS, _RESOURCES]
    ).split()
)

#: Those that write a checkpoint: in what only the saver's `save` reaches.
SAVE_OPERATIONS = frozenset(["SaveV2", "ShardedFilename", "MergeV2Checkpoints"])

#: Those that read one: in what only the saver's `save` and `restore` reach.
RESTORE_OPERATIONS = frozenset(["RestoreV2"])

#: Those that read a lookup table from a text file: with the path of an asset.
ASSET_OPERATIONS = frozenset(["InitializeTableFromTextFileV2"])
