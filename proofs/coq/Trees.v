(* prune-mix-commute (docs/theory.md, Token trees): datasets are lists of phrases, a phrase is a list of symbols (EOS is one), and pruning
   to depth d keeps the first d symbols of each phrase. The alphabet is any type with decidable equality. *)
From Coq Require Import Reals Lra Lia Arith List Permutation.
From Compresslab Require Import Base.
Import ListNotations.
Open Scope R_scope.

Lemma sum_zero {T} (l : list T) : list_sum (map (fun _ => 0%nat) l) = 0%nat.
Proof. induction l; auto. Qed.
Lemma sum_add {T} (f g : T -> nat) l : list_sum (map (fun a => f a + g a)%nat l) = (list_sum (map f l) + list_sum (map g l))%nat.
Proof. induction l; simpl; auto. rewrite IHl. lia. Qed.
Lemma sum_one {T} (eq : forall a b : T, {a = b} + {a <> b}) s l : NoDup l -> In s l ->
  list_sum (map (fun a => if eq s a then 1%nat else 0%nat) l) = 1%nat.
Proof.
  intros N. induction N as [|b l B N IH]; simpl; [tauto|]. intros I. destruct (eq s b) as [->|E].
  - rewrite (map_ext_in _ (fun _ => 0%nat)), sum_zero; auto. intros a Ha. destruct (eq b a); subst; tauto.
  - rewrite IH; auto. destruct I; congruence.
Qed.

Section Trees.
Variable symbol : Type.
Hypothesis dec : forall a b : symbol, {a = b} + {a <> b}.
Definition phrase := list symbol.
Definition dataset := list phrase.
Definition same : forall a b : phrase, {a = b} + {a <> b} := list_eq_dec dec.

Definition count (D : dataset) (v : phrase) : nat := count_occ same D v.
Definition prune (d : nat) (D : dataset) : dataset := map (firstn d) D.       (* its leaves, with their counts *)
Definition volume (D : dataset) : R := INR (length D).
Definition weight (d : nat) (D : dataset) (v : phrase) : R := INR (count (prune d D) v) / volume D.
Definition union (N : nat) (D : nat -> dataset) : dataset := concat (map D (seq 0 N)).

Lemma prune_app D D' d v : count (prune d (D ++ D')) v = (count (prune d D) v + count (prune d D') v)%nat.
Proof. unfold count, prune. rewrite map_app. apply count_occ_app. Qed.
(* in counts: the pruned union is the union of the pruned, shards in any order; pruning further is pruning at once *)
Lemma prune_union N D d v : count (prune d (union N D)) v = list_sum (map (fun i => count (prune d (D i)) v) (seq 0 N)).
Proof.
  unfold union. induction (seq 0 N) as [|i s IH]; auto. cbn [map concat list_sum fold_right]. rewrite prune_app, IH. reflexivity.
Qed.
Lemma prune_order D D' d v : Permutation D D' -> count (prune d D) v = count (prune d D') v.
Proof. intros H. apply (Permutation_count_occ same), Permutation_map, H. Qed.
Lemma prune_twice d e D : prune e (prune d D) = prune (min e d) D.
Proof. unfold prune. rewrite map_map. apply map_ext. intros x. apply firstn_firstn. Qed.

(* in weights: the pruned tree of the union is the volume-weighted mixture of the pruned trees, leaf by leaf *)
Lemma INR_list_sum N (c : nat -> nat) : INR (list_sum (map c (seq 0 N))) = Σ i < N, INR (c i).
Proof.
  induction N; simpl Sum; auto. rewrite seq_S, map_app, list_sum_app, plus_INR, IHN. simpl. rewrite Nat.add_0_r. reflexivity.
Qed.
Lemma volume_union N D : volume (union N D) = Σ i < N, volume (D i).
Proof.
  unfold volume. rewrite <- INR_list_sum. f_equal. unfold union. induction (seq 0 N) as [|i s IH]; simpl; auto.
  rewrite app_length, IH. reflexivity.
Qed.
Lemma weight_union N D d v : (forall i, (i < N)%nat -> 0 < volume (D i)) ->
  weight d (union N D) v = (Σ i < N, volume (D i) * weight d (D i) v) / Σ i < N, volume (D i).
Proof.
  intros H. unfold weight. rewrite prune_union, INR_list_sum, volume_union. f_equal.
  apply Sum_ext. intros i Hi. specialize (H i Hi). field. lra.
Qed.
(* distributions over any finite list of leaves that covers the tree sum to 1 *)
Definition is (x v : phrase) : nat := if same x v then 1 else 0.
Lemma count_cons x D v : count (x :: D) v = (is x v + count D v)%nat.
Proof. unfold count, is. simpl. destruct (same x v); reflexivity. Qed.
Lemma count_sum (leaves D : dataset) : NoDup leaves -> incl D leaves -> list_sum (map (count D) leaves) = length D.
Proof.
  intros N. induction D as [|x D IH]; intros I; [apply sum_zero|].
  rewrite (map_ext _ (fun v => is x v + count D v)%nat) by (intros; apply count_cons).
  rewrite sum_add, IH by (intros y Hy; apply I; right; auto). unfold is at 1. rewrite (sum_one same); auto. apply I; left; auto.
Qed.
Lemma weights_unit d D (leaves : list phrase) : 0 < volume D -> NoDup leaves -> incl (prune d D) leaves ->
  fold_right Rplus 0 (map (weight d D) leaves) = 1.
Proof.
  intros V N I. assert (E : fold_right Rplus 0 (map (weight d D) leaves) = INR (list_sum (map (count (prune d D)) leaves)) / volume D).
  { clear. induction leaves as [|v l IH]; simpl; [unfold Rdiv; ring|]. rewrite IH, plus_INR. unfold weight, Rdiv. ring. }
  rewrite E, count_sum by auto. unfold prune. rewrite map_length. apply Rinv_r, Rgt_not_eq, V.
Qed.
(* in counts, whatever the order of the shards; in weights; pruning further is pruning at once; weights sum to 1 *)
Theorem prune_mix_commute N D d e :
  (forall D' v, Permutation D' (union N D) -> count (prune d D') v = list_sum (map (fun i => count (prune d (D i)) v) (seq 0 N))) /\
  (forall v, (forall i, (i < N)%nat -> 0 < volume (D i)) ->
    weight d (union N D) v = (Σ i < N, volume (D i) * weight d (D i) v) / Σ i < N, volume (D i)) /\
  prune e (prune d (union N D)) = prune (min e d) (union N D) /\
  (forall leaves, 0 < volume (union N D) -> NoDup leaves -> incl (prune d (union N D)) leaves ->
    fold_right Rplus 0 (map (weight d (union N D)) leaves) = 1).
Proof.
  split; [|split; [|split]].
  - intros D' v P. rewrite (prune_order D' (union N D) d v P). apply prune_union.
  - intros v. apply weight_union.
  - apply prune_twice.
  - intros leaves. apply weights_unit.
Qed.
(* a node's count is the count of its leaf after pruning to its depth: the sum of its children and of the phrases that end there *)
Definition node (D : dataset) (v : phrase) := count (prune (length v) D) v.
Lemma is_cons s x b v : is (s :: x) (b :: v) = if dec s b then is x v else 0%nat.
Proof. unfold is. destruct (same (s :: x) (b :: v)), (dec s b), (same x v); congruence. Qed.
Lemma goes_on x v alphabet : NoDup alphabet -> incl x alphabet ->
  is (firstn (length v) x) v = (is x v + list_sum (map (fun a => is (firstn (length (v ++ [a])) x) (v ++ [a])) alphabet))%nat.
Proof.
  intros N. revert x. induction v as [|b v IH]; intros [|s x] I.
  - simpl. rewrite sum_zero. reflexivity.
  - cbn [length app firstn]. rewrite (map_ext _ (fun a => if dec s a then 1%nat else 0%nat)), (sum_one dec); auto.
    + apply I. left; auto.
    + intros a. apply is_cons.
  - simpl. rewrite sum_zero. reflexivity.
  - cbn [length app firstn]. rewrite !is_cons. destruct (dec s b) as [->|E].
    + rewrite (map_ext _ (fun a => is (firstn (length (v ++ [a])) x) (v ++ [a]))).
      * apply IH. intros y Hy. apply I. right; auto.
      * intros a. rewrite is_cons. destruct (dec b b); congruence.
    + rewrite (map_ext _ (fun _ => 0%nat)), sum_zero; auto. intros a. rewrite is_cons. destruct (dec s b); congruence.
Qed.
Theorem prune_mix_commute_children D v alphabet : NoDup alphabet -> (forall x, In x D -> incl x alphabet) ->
  node D v = (count D v + list_sum (map (fun a => node D (v ++ [a])) alphabet))%nat.
Proof.
  intros N. unfold node. induction D as [|x D IH]; intros I.
  - simpl. rewrite sum_zero. reflexivity.
  - unfold prune in *. cbn [map]. rewrite !count_cons, IH by (intros; apply I; right; auto).
    rewrite (map_ext (fun a => count (firstn (length (v ++ [a])) x :: map (firstn (length (v ++ [a]))) D) (v ++ [a])) _
      (fun a => count_cons _ _ _)).
    rewrite sum_add, (goes_on x v alphabet N) by (apply I; left; auto). lia.
Qed.
End Trees.

(* The same in arrays: c s x counts phrase x in dataset s, A x v is the share of phrase x that falls on leaf v, B v u that of leaf v on node u. *)
Theorem prune_mix_commute_arrays (K D N : nat) (A B c : nat -> nat -> R) : (forall x, (x < K)%nat -> (Σ v < D, A x v) = 1) ->
  (forall s, (s < N)%nat -> 0 < Σ x < K, c s x) -> let n s := Σ x < K, c s x in let weight s v := (Σ x < K, A x v * c s x) / n s in
  (forall v, (Σ x < K, A x v * Σ s < N, c s x) = Σ s < N, Σ x < K, A x v * c s x) /\ (Σ x < K, Σ s < N, c s x) = (Σ s < N, n s) /\
  (forall s u, (s < N)%nat -> (Σ v < D, B v u * weight s v) = (Σ x < K, c s x * Σ v < D, A x v * B v u) / n s) /\
  (forall s, (s < N)%nat -> (Σ v < D, weight s v) = 1).
Proof.
  intros one some n weight.
  assert (P : forall s u, (Σ v < D, B v u * weight s v) = (Σ x < K, c s x * Σ v < D, A x v * B v u) / n s).
  { intros s u. unfold weight, Rdiv. rewrite Rmult_comm, <- Sum_scal. transitivity (Σ v < D, Σ x < K, / n s * (c s x * (A x v * B v u))).
    - apply Sum_ext. intros v _. rewrite Rmult_comm, Rmult_assoc, Rmult_comm, Rmult_assoc, <- Sum_scal, <- Sum_scal. apply Sum_ext. intros; ring.
    - rewrite Sum_swap. apply Sum_ext. intros x _. rewrite !Sum_scal. reflexivity. }
  split; [|split; [apply Sum_swap|split; [intros; apply P|]]].
  - intros v. rewrite Sum_swap. apply Sum_ext. intros x _. rewrite Sum_scal. reflexivity.
  - intros s Hs. specialize (some s Hs). fold (n s) in some. unfold weight, Rdiv.
    rewrite (Sum_ext D _ (fun v => / n s * Σ x < K, A x v * c s x)), Sum_scal, Sum_swap by (intros; ring).
    rewrite (Sum_ext K _ (fun x => c s x)); [fold (n s); field; lra|]. intros x Hx.
    rewrite (Sum_ext D _ (fun v => c s x * A x v)), Sum_scal, one by (auto; intros; ring). ring.
Qed.
